-- The names of the objects of the base schemas that definitions refer to, each with the schema and
-- whether the clones use it in base: it belongs to an extension or to a shared type.
SELECT m.maker_class, m.maker, m.classid, m.objid, quote_ident(n.nspname) AS schema, placed.name,
       kept.objid IS NOT NULL AS kept
FROM (
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
) AS placed(classid, objid, namespace, name)
JOIN ({members}) AS m ON m.classid = placed.classid AND m.objid = placed.objid
JOIN pg_namespace n ON n.oid = placed.namespace
LEFT JOIN (
    SELECT classid, objid FROM pg_depend WHERE deptype = 'e'
    UNION SELECT * FROM unnest({kept_classids}::oid[], {kept_objids}::oid[])
) AS kept ON kept.classid = m.maker_class AND kept.objid = m.maker
