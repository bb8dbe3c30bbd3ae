SELECT c.oid::bigint AS objid, nullif(c.reltuples, -1)::bigint AS rows,
       -- NULL for a table that was dropped meanwhile.
       coalesce(pg_table_size(c.oid), 0)::bigint AS bytes,
       coalesce(pg_indexes_size(c.oid), 0)::bigint AS index_bytes,
       -- Of other access methods it is not known what a row's place means, and before Postgres 14
       -- all rows would be read to find those of some pages.
       CASE WHEN am.amname = 'heap' AND current_setting('server_version_num')::int >= 140000 THEN
           pg_relation_size(c.oid) / current_setting('block_size')::bigint END AS pages
FROM pg_class c
LEFT JOIN pg_am am ON am.oid = c.relam
WHERE c.relkind = 'r' AND c.relnamespace = ANY ({bases}::oid[]) AND c.oid <> ALL ({aside}::oid[])
ORDER BY c.oid
