-- Listed under the table, since it is the one that may be missing.
SELECT 'pg_class'::regclass::oid::bigint AS classid, d.refobjid::bigint AS objid, n.nspname AS schema,
       format('sequence %I', c.relname) AS object,
       format('ALTER SEQUENCE %s OWNED BY %s.%I', c.oid::regclass, d.refobjid::regclass,
              a.attname) AS sql
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'a'
                AND d.refclassid = 'pg_class'::regclass
JOIN pg_class t ON t.oid = d.refobjid AND t.relnamespace = ANY ({bases}::oid[])
  AND t.oid <> ALL ({aside}::oid[])
JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
WHERE c.relkind = 'S' AND c.relnamespace = ANY ({bases}::oid[])
ORDER BY c.oid
