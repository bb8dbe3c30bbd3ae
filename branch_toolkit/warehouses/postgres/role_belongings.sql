-- What a role owns outside of the given schemas: DROP OWNED would drop it, and DROP ROLE fails on what
-- is in other databases.
WITH placed AS (
    SELECT 'pg_class'::regclass AS class, oid, relnamespace AS schema FROM pg_class
    UNION ALL SELECT 'pg_type'::regclass, oid, typnamespace FROM pg_type
    UNION ALL SELECT 'pg_proc'::regclass, oid, pronamespace FROM pg_proc
    UNION ALL SELECT 'pg_operator'::regclass, oid, oprnamespace FROM pg_operator
    UNION ALL SELECT 'pg_collation'::regclass, oid, collnamespace FROM pg_collation
    UNION ALL SELECT 'pg_conversion'::regclass, oid, connamespace FROM pg_conversion
    UNION ALL SELECT 'pg_statistic_ext'::regclass, oid, stxnamespace FROM pg_statistic_ext
    UNION ALL SELECT 'pg_ts_config'::regclass, oid, cfgnamespace FROM pg_ts_config
    UNION ALL SELECT 'pg_ts_dict'::regclass, oid, dictnamespace FROM pg_ts_dict
    UNION ALL SELECT 'pg_opclass'::regclass, oid, opcnamespace FROM pg_opclass
    UNION ALL SELECT 'pg_opfamily'::regclass, oid, opfnamespace FROM pg_opfamily
    UNION ALL SELECT 'pg_namespace'::regclass, oid, oid FROM pg_namespace
)
SELECT CASE WHEN d.dbid IN (0, me.oid) THEN pg_describe_object(d.classid, d.objid, 0)
            ELSE format('something in database %%s', other.datname) END
FROM pg_shdepend d
JOIN pg_roles r ON r.oid = d.refobjid AND r.rolname = %(role)s
JOIN pg_database me ON me.datname = current_database()
LEFT JOIN pg_database other ON other.oid = d.dbid
LEFT JOIN placed ON placed.class = d.classid AND placed.oid = d.objid
LEFT JOIN pg_namespace n ON n.oid = placed.schema
WHERE d.refclassid = 'pg_authid'::regclass
  AND (d.deptype = 'o' OR d.dbid NOT IN (0, me.oid)
       -- It may use another clone of its environment.
       OR d.deptype = 'a' AND d.dbid = me.oid AND d.classid = 'pg_namespace'::regclass
          AND obj_description(d.objid, 'pg_namespace') LIKE '%%"branch_toolkit"%%')
  AND NOT (d.dbid = me.oid AND n.nspname = ANY (%(schemas)s))
ORDER BY 1
