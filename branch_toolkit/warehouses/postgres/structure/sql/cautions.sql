-- Clones that write outside of the clones when they are used.
SELECT n.nspname AS schema, format('default of column %I of table %I', a.attname, c.relname) AS object,
       format('It draws numbers from %s, which is not cloned: a branch''s inserts advance it.',
              s.oid::regclass) AS reason
FROM pg_attrdef d
JOIN pg_class c ON c.oid = d.adrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
JOIN pg_depend p ON p.classid = 'pg_attrdef'::regclass AND p.objid = d.oid
                AND p.refclassid = 'pg_class'::regclass
JOIN pg_class s ON s.oid = p.refobjid AND s.relkind = 'S'
WHERE n.oid = ANY ({bases}::oid[])
  AND (s.relnamespace <> ALL ({bases}::oid[]) OR s.oid = ANY ({aside}::oid[]))
UNION ALL
SELECT n.nspname, format('column %I of table %I', a.attname, c.relname),
       'It may hold references to large objects, which clones share with base.'
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_type t ON t.oid = a.atttypid
WHERE c.relkind = 'r' AND n.oid = ANY ({bases}::oid[]) AND NOT a.attisdropped AND a.attnum > 0
  AND (t.oid = 'oid'::regtype OR t.typname = 'lo')
  AND EXISTS (SELECT FROM pg_largeobject_metadata)
ORDER BY 1, 2
