-- Names in the base schemas that an extension or a shared type has, and whether another object has
-- it, too.
WITH placed(classid, objid, namespace, name) AS (
    SELECT 'pg_class'::regclass, oid, relnamespace, quote_ident(relname) FROM pg_class
    UNION ALL SELECT 'pg_type'::regclass, oid, typnamespace, quote_ident(typname) FROM pg_type
    UNION ALL SELECT 'pg_proc'::regclass, oid, pronamespace, quote_ident(proname) FROM pg_proc
    UNION ALL SELECT 'pg_operator'::regclass, oid, oprnamespace, oprname FROM pg_operator
    UNION ALL SELECT 'pg_opclass'::regclass, oid, opcnamespace, quote_ident(opcname) FROM pg_opclass
    UNION ALL SELECT 'pg_collation'::regclass, oid, collnamespace, quote_ident(collname)
              FROM pg_collation
    UNION ALL SELECT 'pg_ts_dict'::regclass, oid, dictnamespace, quote_ident(dictname)
              FROM pg_ts_dict
    UNION ALL SELECT 'pg_ts_config'::regclass, oid, cfgnamespace, quote_ident(cfgname)
              FROM pg_ts_config
    UNION ALL SELECT 'pg_ts_template'::regclass, oid, tmplnamespace, quote_ident(tmplname)
              FROM pg_ts_template
    UNION ALL SELECT 'pg_ts_parser'::regclass, oid, prsnamespace, quote_ident(prsname)
              FROM pg_ts_parser
)
SELECT quote_ident(n.nspname) AS schema, p.name, bool_or(d.objid IS NULL) AS ambiguous
FROM placed p
JOIN pg_namespace n ON n.oid = p.namespace
LEFT JOIN (
    SELECT classid, objid FROM pg_depend WHERE deptype = 'e'
    UNION SELECT * FROM unnest({kept_classids}::oid[], {kept_objids}::oid[])
) AS d ON d.classid = p.classid AND d.objid = p.objid
-- An array type is not a member itself.
LEFT JOIN pg_type t ON p.classid = 'pg_type'::regclass AND t.oid = p.objid
WHERE p.namespace = ANY ({bases}::oid[]) AND (t.oid IS NULL OR t.typelem = 0 OR d.objid IS NOT NULL)
GROUP BY 1, 2
HAVING bool_or(d.objid IS NOT NULL)
