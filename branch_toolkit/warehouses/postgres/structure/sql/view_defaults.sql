SELECT 'pg_attrdef'::regclass::oid::bigint AS classid, d.oid::bigint AS objid, n.nspname AS schema,
       format('default of column %I of view %I', a.attname, c.relname) AS object,
       format('ALTER VIEW %s ALTER COLUMN %I SET DEFAULT %s', c.oid::regclass, a.attname,
              pg_get_expr(d.adbin, 0)) AS sql
FROM pg_attrdef d
JOIN pg_class c ON c.oid = d.adrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
WHERE c.relkind = 'v' AND c.relnamespace = ANY ({bases}::oid[]) AND c.oid <> ALL ({aside}::oid[])
ORDER BY d.oid
