-- Operator families, and what in them belongs to no operator class. Only a superuser makes them.
WITH loose AS (
    SELECT o.amopfamily AS family, 0 AS kind, o.amopstrategy AS number,
           format('OPERATOR %s %s%s', o.amopstrategy, o.amopopr::regoperator,
                  CASE WHEN s.oid IS NOT NULL THEN format(' FOR ORDER BY %s%I',
                       CASE WHEN pg_opfamily_is_visible(s.oid) THEN ''
                            ELSE quote_ident(sn.nspname) || '.' END, s.opfname) END) AS element,
           o.oid
    FROM pg_amop o
    JOIN pg_depend d ON d.classid = 'pg_amop'::regclass AND d.objid = o.oid
                    AND d.refclassid = 'pg_opfamily'::regclass AND d.refobjid = o.amopfamily
    LEFT JOIN pg_opfamily s ON s.oid = o.amopsortfamily
    LEFT JOIN pg_namespace sn ON sn.oid = s.opfnamespace
    UNION ALL
    SELECT p.amprocfamily, 1, p.amprocnum,
           format('FUNCTION %s (%s, %s) %s', p.amprocnum, p.amproclefttype::regtype,
                  p.amprocrighttype::regtype, p.amproc::regprocedure), p.oid
    FROM pg_amproc p
    JOIN pg_depend d ON d.classid = 'pg_amproc'::regclass AND d.objid = p.oid
                    AND d.refclassid = 'pg_opfamily'::regclass AND d.refobjid = p.amprocfamily
)
SELECT 'pg_opfamily'::regclass::oid::bigint AS classid, f.oid::bigint AS objid,
       n.nspname AS schema, format('operator family %I', f.opfname) AS object,
       format('CREATE OPERATOR FAMILY %s USING %I', named.name, m.amname) AS sql,
       (SELECT format('ALTER OPERATOR FAMILY %s USING %I ADD %s', named.name, m.amname,
                      string_agg(l.element, ', ' ORDER BY l.kind, l.number, l.oid))
        FROM loose l WHERE l.family = f.oid HAVING count(*) > 0) AS setting
FROM pg_opfamily f
JOIN pg_namespace n ON n.oid = f.opfnamespace
JOIN pg_am m ON m.oid = f.opfmethod
JOIN pg_roles creator ON creator.rolname = current_user AND creator.rolsuper
CROSS JOIN LATERAL (
    SELECT CASE WHEN pg_opfamily_is_visible(f.oid) THEN '' ELSE quote_ident(n.nspname) || '.' END
           || quote_ident(f.opfname)) AS named(name)
WHERE f.opfnamespace = ANY ({bases}::oid[])
ORDER BY f.oid
