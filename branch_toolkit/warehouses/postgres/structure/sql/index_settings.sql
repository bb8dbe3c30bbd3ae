-- What is said about an index once it is there.
SELECT 'pg_class'::regclass::oid::bigint AS classid, i.indexrelid::bigint AS objid,
       n.nspname AS schema, format('index %I', ic.relname) AS object, setting AS sql
FROM pg_index i
JOIN pg_class ic ON ic.oid = i.indexrelid
JOIN pg_class c ON c.oid = i.indrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL (
    -- Other constraints' are given when these are made.
    SELECT 0, 0, format('ALTER INDEX %s SET (%s)', i.indexrelid::regclass, string_agg(
               format('%s=%L', split_part(option, '=', 1),
                      substr(option, strpos(option, '=') + 1)), ', '))
    FROM unnest(ic.reloptions) AS option WHERE i.indisexclusion HAVING count(*) > 0
    UNION ALL
    SELECT 1, a.attnum, format('ALTER INDEX %s ALTER COLUMN %s SET STATISTICS %s',
                               i.indexrelid::regclass, a.attnum, a.attstattarget)
    FROM pg_attribute a WHERE a.attrelid = i.indexrelid AND a.attstattarget >= 0
    UNION ALL
    SELECT 2, 0, format('ALTER %s %s CLUSTER ON %I',
                        CASE c.relkind WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'TABLE' END,
                        c.oid::regclass, ic.relname)
    WHERE i.indisclustered
    UNION ALL
    SELECT 3, 0, format('ALTER TABLE ONLY %s REPLICA IDENTITY USING INDEX %I', c.oid::regclass,
                        ic.relname)
    WHERE i.indisreplident
) AS settings(rank, place, setting)
WHERE c.relnamespace = ANY ({bases}::oid[]) AND c.oid <> ALL ({aside}::oid[])
ORDER BY i.indexrelid, rank, place
