-- Operator classes, of which only one can be the default for a type. Only a superuser makes them.
WITH element AS (
    SELECT d.refobjid AS class, 1 AS kind, o.amopstrategy AS number, o.oid,
           format('OPERATOR %s %s%s', o.amopstrategy, o.amopopr::regoperator,
                  CASE WHEN s.oid IS NOT NULL THEN format(' FOR ORDER BY %s%I',
                       CASE WHEN pg_opfamily_is_visible(s.oid) THEN ''
                            ELSE quote_ident(sn.nspname) || '.' END, s.opfname) END) AS text
    FROM pg_amop o
    JOIN pg_depend d ON d.classid = 'pg_amop'::regclass AND d.objid = o.oid
                    AND d.refclassid = 'pg_opclass'::regclass
    LEFT JOIN pg_opfamily s ON s.oid = o.amopsortfamily
    LEFT JOIN pg_namespace sn ON sn.oid = s.opfnamespace
    UNION ALL
    SELECT d.refobjid, 2, p.amprocnum, p.oid,
           format('FUNCTION %s (%s, %s) %s', p.amprocnum, p.amproclefttype::regtype,
                  p.amprocrighttype::regtype, p.amproc::regprocedure)
    FROM pg_amproc p
    JOIN pg_depend d ON d.classid = 'pg_amproc'::regclass AND d.objid = p.oid
                    AND d.refclassid = 'pg_opclass'::regclass
    UNION ALL
    SELECT c.oid, 0, 0, c.oid, format('STORAGE %s', c.opckeytype::regtype)
    FROM pg_opclass c WHERE c.opckeytype <> 0
)
SELECT 'pg_opclass'::regclass::oid::bigint AS classid, c.oid::bigint AS objid,
       n.nspname AS schema, format('operator class %I', c.opcname) AS object,
       format('CREATE OPERATOR CLASS %s%I %sFOR TYPE %s USING %I FAMILY %s%I AS %s',
              CASE WHEN pg_opclass_is_visible(c.oid) THEN '' ELSE quote_ident(n.nspname) || '.' END,
              c.opcname, CASE WHEN c.opcdefault THEN 'DEFAULT ' ELSE '' END, c.opcintype::regtype,
              m.amname,
              CASE WHEN pg_opfamily_is_visible(f.oid) THEN ''
                   ELSE quote_ident(fn.nspname) || '.' END, f.opfname,
              coalesce((SELECT string_agg(e.text, ', ' ORDER BY e.kind, e.number, e.oid)
                        FROM element e WHERE e.class = c.oid),
                       -- Of a class without elements; it means nothing, and something has to stand here.
                       format('STORAGE %s', c.opcintype::regtype))) AS sql
FROM pg_opclass c
JOIN pg_namespace n ON n.oid = c.opcnamespace
JOIN pg_am m ON m.oid = c.opcmethod
JOIN pg_opfamily f ON f.oid = c.opcfamily
JOIN pg_namespace fn ON fn.oid = f.opfnamespace
JOIN pg_type t ON t.oid = c.opcintype
JOIN pg_roles creator ON creator.rolname = current_user AND creator.rolsuper
WHERE c.opcnamespace = ANY ({bases}::oid[])
  -- Where the type is shared with base, its default and its place in a shared family are taken.
  AND (t.typnamespace = ANY ({bases}::oid[]) AND t.oid <> ALL ({shared}::oid[])
       OR NOT c.opcdefault AND f.opfnamespace = ANY ({bases}::oid[]))
ORDER BY c.oid
