-- Objects that are to be dropped together with an extension.
SELECT d.classid::bigint AS classid, d.objid::bigint AS objid, tied.schema,
       format('tie of %s to extension %I', tied.object, e.extname) AS object, e.extname AS name,
       format('ALTER %s DEPENDS ON EXTENSION %I', tied.target, e.extname) AS sql
FROM pg_depend d
JOIN pg_extension e ON e.oid = d.refobjid
JOIN (
    SELECT 'pg_proc'::regclass::oid, p.oid, n.nspname, p.proname, n.oid,
           format('ROUTINE %s', p.oid::regprocedure)
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    UNION ALL
    SELECT 'pg_class'::regclass, c.oid, n.nspname, c.relname, n.oid,
           format('%s %s', CASE c.relkind WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'INDEX' END,
                  c.oid::regclass)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('m', 'i', 'I')
    UNION ALL
    SELECT 'pg_trigger'::regclass, t.oid, n.nspname, t.tgname, n.oid,
           format('TRIGGER %I ON %s', t.tgname, c.oid::regclass)
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
) AS tied(classid, objid, schema, object, namespace, target)
    ON tied.classid = d.classid AND tied.objid = d.objid
WHERE d.deptype = 'x' AND d.refclassid = 'pg_extension'::regclass
  AND tied.namespace = ANY ({bases}::oid[])
ORDER BY 1, 2, 5
