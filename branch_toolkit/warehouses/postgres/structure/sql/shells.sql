-- Declarations of types that functions on them need, before the types can be made.
SELECT 'pg_type'::regclass::oid::bigint AS classid, t.oid::bigint AS objid, n.nspname AS schema,
       format('type %I', t.typname) AS object, format('CREATE TYPE %s', t.oid::regtype) AS sql
FROM pg_type t
JOIN pg_namespace n ON n.oid = t.typnamespace
LEFT JOIN pg_range r ON r.rngtypid = t.oid
LEFT JOIN pg_type element ON element.typarray = t.oid
WHERE t.typnamespace = ANY ({bases}::oid[]) AND t.typisdefined AND element.oid IS NULL
  AND (t.typtype = 'b' OR t.typtype = 'r' AND r.rngcanonical <> 0)
ORDER BY t.oid
