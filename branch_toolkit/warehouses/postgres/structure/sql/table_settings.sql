-- What would change the copying of rows, and therefore comes after it.
SELECT 'pg_class'::regclass::oid::bigint AS classid, c.oid::bigint AS objid, n.nspname AS schema,
       format('table %I', c.relname) AS object, setting AS name,
       format('ALTER TABLE ONLY %s %s', c.oid::regclass, setting) AS sql
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN unnest(ARRAY[
    CASE WHEN c.relrowsecurity THEN 'ENABLE ROW LEVEL SECURITY' END,
    CASE WHEN c.relforcerowsecurity THEN 'FORCE ROW LEVEL SECURITY' END,
    CASE c.relreplident WHEN 'f' THEN 'REPLICA IDENTITY FULL'
                        WHEN 'n' THEN 'REPLICA IDENTITY NOTHING' END]) AS setting
WHERE c.relkind IN ('r', 'p') AND setting IS NOT NULL AND c.relnamespace = ANY ({bases}::oid[])
  AND c.oid <> ALL ({aside}::oid[])
UNION ALL
-- Values that were stored before may be too long for it.
SELECT 'pg_class'::regclass::oid::bigint, c.oid::bigint, n.nspname,
       format('column %I of table %I', a.attname, c.relname), a.attname,
       format('ALTER TABLE ONLY %s ALTER COLUMN %I SET STORAGE PLAIN', c.oid::regclass, a.attname)
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_type t ON t.oid = a.atttypid
WHERE a.attstorage = 'p' AND t.typstorage <> 'p' AND a.attnum > 0 AND NOT a.attisdropped
  AND c.relkind IN ('r', 'p') AND c.relnamespace = ANY ({bases}::oid[])
  AND c.oid <> ALL ({aside}::oid[])
UNION ALL
-- A partition's trigger comes with its parent's, but may be switched by itself.
SELECT 'pg_class'::regclass::oid::bigint, c.oid::bigint, n.nspname,
       format('trigger %I of %I', t.tgname, c.relname), t.tgname,
       format('ALTER TABLE %s%s %s TRIGGER %I', CASE WHEN c.relkind = 'v' THEN '' ELSE 'ONLY ' END,
              c.oid::regclass,
              CASE t.tgenabled WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA'
                               ELSE 'ENABLE ALWAYS' END, t.tgname)
FROM pg_trigger t
JOIN pg_class c ON c.oid = t.tgrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE NOT t.tgisinternal AND t.tgenabled <> 'O' AND c.relnamespace = ANY ({bases}::oid[])
  AND c.oid <> ALL ({aside}::oid[])
UNION ALL
-- The sequence of an identity column is made like its table, but may be changed by itself.
SELECT 'pg_class'::regclass::oid::bigint, s.oid::bigint, n.nspname, format('sequence %I', s.relname),
       s.relname, format('ALTER SEQUENCE %s SET %s', s.oid::regclass,
                         CASE s.relpersistence WHEN 'u' THEN 'UNLOGGED' ELSE 'LOGGED' END)
FROM pg_depend d
JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
JOIN pg_class c ON c.oid = d.refobjid AND c.relpersistence <> s.relpersistence
JOIN pg_namespace n ON n.oid = s.relnamespace
WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
  AND d.deptype = 'i' AND s.relnamespace = ANY ({bases}::oid[])
  AND c.oid <> ALL ({aside}::oid[])
UNION ALL
SELECT 'pg_rewrite'::regclass::oid::bigint, r.oid::bigint, n.nspname,
       format('rule %I of %I', r.rulename, c.relname), r.rulename,
       format('ALTER TABLE %s %s RULE %I', c.oid::regclass,
              CASE r.ev_enabled WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA'
                                ELSE 'ENABLE ALWAYS' END, r.rulename)
FROM pg_rewrite r
JOIN pg_class c ON c.oid = r.ev_class
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE r.ev_enabled <> 'O' AND c.relnamespace = ANY ({bases}::oid[])
  AND c.oid <> ALL ({aside}::oid[])
ORDER BY 1, 2, 5
