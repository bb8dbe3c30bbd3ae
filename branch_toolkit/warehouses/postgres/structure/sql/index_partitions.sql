SELECT 'pg_class'::regclass::oid::bigint AS classid, i.indexrelid::bigint AS objid,
       n.nspname AS schema, format('index %I', ic.relname) AS object,
       format('ALTER INDEX %s ATTACH PARTITION %s', h.inhparent::regclass,
              i.indexrelid::regclass) AS sql
FROM pg_index i
JOIN pg_class ic ON ic.oid = i.indexrelid
JOIN pg_namespace n ON n.oid = ic.relnamespace
JOIN pg_inherits h ON h.inhrelid = i.indexrelid
JOIN pg_class parent ON parent.oid = h.inhparent
WHERE ic.relnamespace = ANY ({bases}::oid[])
  AND parent.relnamespace = ANY ({bases}::oid[]) AND parent.oid <> ALL ({aside}::oid[])
ORDER BY i.indexrelid
