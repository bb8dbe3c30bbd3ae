-- Views with their columns only; their queries come later.
SELECT 'pg_class'::regclass::oid::bigint AS classid, c.oid::bigint AS objid, n.nspname AS schema,
       format('view %I', c.relname) AS object,
       format('CREATE VIEW %s AS SELECT %s', c.oid::regclass, string_agg(
           format('NULL::%s%s AS %I', format_type(a.atttypid, a.atttypmod),
                  CASE WHEN a.attcollation <> t.typcollation
                       THEN format(' COLLATE %s', a.attcollation::regcollation) END, a.attname),
           ', ' ORDER BY a.attnum)) AS sql
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_type t ON t.oid = a.atttypid
WHERE c.relkind = 'v' AND c.relnamespace = ANY ({bases}::oid[])
  AND c.oid <> ALL ({aside}::oid[])
GROUP BY c.oid, c.relname, n.nspname
ORDER BY c.oid
