-- Settings of materialized views' columns.
SELECT 'pg_class'::regclass::oid::bigint AS classid, c.oid::bigint AS objid, n.nspname AS schema,
       format('column %I of materialized view %I', a.attname, c.relname) AS object, setting AS name,
       format('ALTER MATERIALIZED VIEW %s ALTER COLUMN %I %s', c.oid::regclass, a.attname, setting) AS sql
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_type t ON t.oid = a.atttypid
CROSS JOIN unnest(ARRAY[
    CASE WHEN a.attstattarget >= 0 THEN format('SET STATISTICS %s', a.attstattarget) END,
    CASE WHEN a.attstorage <> t.typstorage
         THEN format('SET STORAGE %s', CASE a.attstorage WHEN 'p' THEN 'PLAIN'
                     WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END) END,
    CASE a.attcompression WHEN 'p' THEN 'SET COMPRESSION pglz'
                          WHEN 'l' THEN 'SET COMPRESSION lz4' END,
    CASE WHEN a.attoptions IS NOT NULL
         THEN format('SET (%s)', array_to_string(a.attoptions, ', ')) END]) AS setting
WHERE c.relkind = 'm' AND c.relnamespace = ANY ({bases}::oid[]) AND c.oid <> ALL ({aside}::oid[])
  AND a.attnum > 0 AND NOT a.attisdropped AND setting IS NOT NULL
ORDER BY c.oid, a.attnum, setting
