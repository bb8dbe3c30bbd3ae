-- Foreign keys from tables that are made to tables that are set aside.
SELECT 'pg_constraint'::regclass::oid::bigint AS classid, k.oid::bigint AS objid, k.conname AS name,
       k.conrelid::bigint AS table, k.confrelid::bigint AS referenced
FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid
WHERE k.contype = 'f' AND k.conparentid = 0 AND c.relnamespace = ANY ({bases}::oid[])
  AND c.oid <> ALL ({aside}::oid[]) AND k.confrelid = ANY ({aside}::oid[])
ORDER BY k.oid
