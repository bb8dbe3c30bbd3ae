SELECT 'pg_class'::regclass::oid::bigint AS classid, c.oid::bigint AS objid, n.nspname AS schema,
       format('sequence %I', c.relname) AS object,
       quote_literal(c.oid::regclass) AS target, format('%I.%I', n.nspname, c.relname) AS source
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'S' AND c.relnamespace = ANY ({bases}::oid[])
ORDER BY n.nspname, c.relname
