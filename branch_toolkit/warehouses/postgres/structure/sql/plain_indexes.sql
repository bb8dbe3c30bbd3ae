-- Indexes that only help to find rows: they say nothing about which rows there may be.
SELECT 'pg_class'::regclass::oid::bigint AS classid, i.indexrelid::bigint AS objid,
       i.indrelid::bigint AS table, n.nspname AS schema, format('index %I', ic.relname) AS object
FROM pg_index i
JOIN pg_class ic ON ic.oid = i.indexrelid
JOIN pg_namespace n ON n.oid = ic.relnamespace
WHERE n.oid = ANY ({bases}::oid[]) AND NOT i.indisunique AND NOT i.indisexclusion
ORDER BY i.indexrelid
