SELECT 'pg_class'::regclass::oid::bigint AS classid, i.indexrelid::bigint AS objid,
       n.nspname AS schema, format('index %I', ic.relname) AS object, c.relname AS name,
       pg_get_indexdef(i.indexrelid) AS sql, c.relkind = 'm' AS materialized
FROM pg_index i
JOIN pg_class ic ON ic.oid = i.indexrelid
JOIN pg_class c ON c.oid = i.indrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relnamespace = ANY ({bases}::oid[])
  AND c.oid <> ALL ({aside}::oid[]) AND c.relkind IN ('r', 'p', 'm')
  -- A partitioned index is invalid until each partition has one; others were never finished.
  AND (i.indisvalid OR c.relkind = 'p')
  AND NOT EXISTS (SELECT FROM pg_constraint k
                  WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x'))
ORDER BY i.indexrelid
