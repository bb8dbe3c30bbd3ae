-- Objects outside of the given schemas that depend on an object inside: DROP … CASCADE would take
-- them along. Objects of a table (rules, triggers, defaults, policies) count as in its schema.
WITH placed AS (
    SELECT 'pg_class'::regclass AS class, oid, relnamespace AS schema FROM pg_class
    UNION ALL SELECT 'pg_type'::regclass, oid, typnamespace FROM pg_type
    UNION ALL SELECT 'pg_proc'::regclass, oid, pronamespace FROM pg_proc
    UNION ALL SELECT 'pg_operator'::regclass, oid, oprnamespace FROM pg_operator
    UNION ALL SELECT 'pg_collation'::regclass, oid, collnamespace FROM pg_collation
    UNION ALL SELECT 'pg_constraint'::regclass, oid, connamespace FROM pg_constraint
    UNION ALL SELECT 'pg_statistic_ext'::regclass, oid, stxnamespace FROM pg_statistic_ext
    UNION ALL SELECT 'pg_ts_config'::regclass, oid, cfgnamespace FROM pg_ts_config
    UNION ALL SELECT 'pg_ts_dict'::regclass, oid, dictnamespace FROM pg_ts_dict
    UNION ALL SELECT 'pg_opclass'::regclass, oid, opcnamespace FROM pg_opclass
    UNION ALL SELECT 'pg_opfamily'::regclass, oid, opfnamespace FROM pg_opfamily
    UNION ALL SELECT 'pg_rewrite'::regclass, r.oid, c.relnamespace
              FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class
    UNION ALL SELECT 'pg_trigger'::regclass, t.oid, c.relnamespace
              FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
    UNION ALL SELECT 'pg_attrdef'::regclass, a.oid, c.relnamespace
              FROM pg_attrdef a JOIN pg_class c ON c.oid = a.adrelid
    UNION ALL SELECT 'pg_policy'::regclass, p.oid, c.relnamespace
              FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
    UNION ALL SELECT 'pg_amop'::regclass, a.oid, f.opfnamespace
              FROM pg_amop a JOIN pg_opfamily f ON f.oid = a.amopfamily
    UNION ALL SELECT 'pg_amproc'::regclass, a.oid, f.opfnamespace
              FROM pg_amproc a JOIN pg_opfamily f ON f.oid = a.amprocfamily
),
inside AS (
    SELECT oid FROM pg_namespace WHERE nspname = ANY (%(schemas)s)
)
SELECT DISTINCT pg_describe_object(d.classid, d.objid, d.objsubid)
FROM pg_depend d
JOIN placed target ON target.class = d.refclassid AND target.oid = d.refobjid
LEFT JOIN placed dependent ON dependent.class = d.classid AND dependent.oid = d.objid
WHERE target.schema IN (SELECT oid FROM inside)
  AND (dependent.schema IS NULL
       AND (d.deptype = 'n' OR d.classid = 'pg_publication_rel'::regclass)
       OR dependent.schema NOT IN (SELECT oid FROM inside))
  -- A foreign key has triggers on the table that it refers to, which are nothing without it.
  AND NOT (d.classid = 'pg_trigger'::regclass AND d.refclassid = 'pg_constraint'::regclass
           AND d.deptype = 'i')
  -- TOAST tables live in a schema of their own and belong to their table.
  AND dependent.schema IS DISTINCT FROM 'pg_toast'::regnamespace
UNION
-- What belongs to the schema itself: an extension that was installed into it, a publication of it.
SELECT pg_describe_object(d.classid, d.objid, d.objsubid)
FROM pg_depend d
WHERE d.refclassid = 'pg_namespace'::regclass AND d.refobjid IN (SELECT oid FROM inside)
  AND d.classid IN (SELECT oid FROM pg_class
                    WHERE oid IN (to_regclass('pg_catalog.pg_extension'),
                                  to_regclass('pg_catalog.pg_publication_namespace')))
UNION
-- An extension elsewhere of which something inside is a part: dropping the part drops the whole.
SELECT pg_describe_object(d.refclassid, d.refobjid, d.refobjsubid)
FROM pg_depend d
JOIN placed part ON part.class = d.classid AND part.oid = d.objid
WHERE d.deptype = 'e' AND part.schema IN (SELECT oid FROM inside)
ORDER BY 1
