-- The base schemas in which extensions have objects.
WITH placed(classid, objid, namespace) AS (
    SELECT 'pg_class'::regclass, oid, relnamespace FROM pg_class
    UNION ALL SELECT 'pg_type'::regclass, oid, typnamespace FROM pg_type
    UNION ALL SELECT 'pg_proc'::regclass, oid, pronamespace FROM pg_proc
    UNION ALL SELECT 'pg_operator'::regclass, oid, oprnamespace FROM pg_operator
    UNION ALL SELECT 'pg_opclass'::regclass, oid, opcnamespace FROM pg_opclass
    UNION ALL SELECT 'pg_collation'::regclass, oid, collnamespace FROM pg_collation
    UNION ALL SELECT 'pg_ts_dict'::regclass, oid, dictnamespace FROM pg_ts_dict
    UNION ALL SELECT 'pg_ts_config'::regclass, oid, cfgnamespace FROM pg_ts_config
    UNION ALL SELECT 'pg_ts_template'::regclass, oid, tmplnamespace FROM pg_ts_template
    UNION ALL SELECT 'pg_ts_parser'::regclass, oid, prsnamespace FROM pg_ts_parser
)
SELECT DISTINCT n.nspname AS schema
FROM pg_depend d
JOIN placed p ON p.classid = d.classid AND p.objid = d.objid
JOIN pg_namespace n ON n.oid = p.namespace
WHERE d.deptype = 'e' AND n.oid = ANY ({bases}::oid[])
ORDER BY 1
