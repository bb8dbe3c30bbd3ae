SELECT c.oid::bigint AS objid, nullif(c.reltuples, -1)::bigint AS rows,
       -- NULL for a table that was dropped meanwhile.
       coalesce(pg_table_size(c.oid), 0)::bigint AS bytes,
       coalesce(pg_indexes_size(c.oid), 0)::bigint AS index_bytes
FROM pg_class c
WHERE c.relkind = 'r' AND c.relnamespace = ANY ({bases}::oid[])
ORDER BY c.oid
