SELECT 'pg_constraint'::regclass::oid::bigint AS classid, k.oid::bigint AS objid,
       n.nspname AS schema, format('constraint %I of domain %I', k.conname, t.typname) AS object,
       format('ALTER DOMAIN %s ADD CONSTRAINT %I %s', t.oid::regtype, k.conname,
              pg_get_constraintdef(k.oid)) AS sql,
       k.convalidated AS valid
FROM pg_constraint k
JOIN pg_type t ON t.oid = k.contypid
JOIN pg_namespace n ON n.oid = t.typnamespace
WHERE k.contype = 'c' AND t.typnamespace = ANY ({bases}::oid[])
ORDER BY k.oid
