-- Valid foreign keys among the tables that are made.
SELECT 'pg_constraint'::regclass::oid::bigint AS classid, k.oid::bigint AS objid,
       n.nspname AS schema, format('foreign key %I of table %I', k.conname, c.relname) AS object,
       k.conrelid::bigint AS table, k.confrelid::bigint AS referenced,
       -- On partitioned tables they can be NOT VALID from Postgres 18 on.
       c.relkind <> 'p' OR current_setting('server_version_num')::int >= 180000 AS postponable
FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid
JOIN pg_class f ON f.oid = k.confrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE k.contype = 'f' AND k.conparentid = 0 AND k.convalidated
  AND c.relnamespace = ANY ({bases}::oid[]) AND c.oid <> ALL ({aside}::oid[])
  AND f.relnamespace = ANY ({bases}::oid[]) AND f.oid <> ALL ({aside}::oid[])
ORDER BY k.oid
