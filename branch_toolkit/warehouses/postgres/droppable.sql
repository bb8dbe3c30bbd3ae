-- What is in the given schemas, the last made first, which is before what it needs as a rule.
-- A sequence of a column goes with its table, and what is not listed with its schema.
WITH inside AS (
    SELECT oid, nspname FROM pg_namespace WHERE nspname = ANY (%(schemas)s)
),
parts AS (
    SELECT refclassid, refobjid, count(*) AS n FROM pg_depend
    WHERE refobjid >= 16384 GROUP BY refclassid, refobjid
),
objects AS (
    SELECT 'pg_class'::regclass AS class, c.oid, s.nspname,
           CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW'
                          WHEN 'f' THEN 'FOREIGN TABLE' WHEN 'S' THEN 'SEQUENCE'
                          WHEN 'c' THEN 'TYPE' ELSE 'TABLE' END AS kind,
           format('%%I.%%I', s.nspname, c.relname) AS name,
           CASE WHEN c.relkind IN ('r', 'p') THEN c.relname END AS lockable
    FROM pg_class c JOIN inside s ON s.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c')
       OR c.relkind = 'S' AND NOT EXISTS (
              SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
              AND d.deptype IN ('a', 'i'))
    UNION ALL
    SELECT 'pg_proc'::regclass, p.oid, s.nspname,
           CASE p.prokind WHEN 'p' THEN 'PROCEDURE' WHEN 'a' THEN 'AGGREGATE' ELSE 'FUNCTION' END,
           format('%%I.%%I(%%s)', s.nspname, p.proname, pg_get_function_identity_arguments(p.oid)),
           NULL
    FROM pg_proc p JOIN inside s ON s.oid = p.pronamespace
    -- That of a range type goes with the type.
    WHERE NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass
                      AND d.objid = p.oid AND d.deptype = 'i')
    UNION ALL
    SELECT 'pg_type'::regclass, t.oid, s.nspname, 'TYPE', format('%%I.%%I', s.nspname, t.typname), NULL
    FROM pg_type t JOIN inside s ON s.oid = t.typnamespace
    WHERE t.typtype IN ('d', 'e', 'r')
)
SELECT format('DROP %%s IF EXISTS %%s', kind, name), lockable, nspname, (3 + coalesce(parts.n, 0))::int
FROM objects LEFT JOIN parts ON parts.refclassid = objects.class AND parts.refobjid = objects.oid
-- An oid is given again only after four billion others.
ORDER BY objects.oid DESC
