-- In a transaction with an older snapshot: whether tables are still what they were in it. What is
-- selected from the catalogs is as of the snapshot; what their functions say is as of now.
SELECT n.nspname, c.relname,
       to_regclass(qualified.name)::oid IS NOT DISTINCT FROM c.oid AS in_place,
       c.relfilenode IS NOT DISTINCT FROM pg_relation_filenode(c.oid) AS same_rows,
       NOT EXISTS (
           SELECT FROM pg_attribute a
           WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
             AND (pg_identify_object('pg_class'::regclass, c.oid, a.attnum)).identity
                 IS DISTINCT FROM qualified.name || '.' || quote_ident(a.attname)
       ) AS same_columns
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL (SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname)) AS qualified(name)
WHERE c.oid = ANY (%(tables)s::oid[]) AND c.relkind IN ('r', 'm')
  AND c.oid >= 16384  -- Those below are Postgres's own.
