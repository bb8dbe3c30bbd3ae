WITH named(classid, objid, schema, object, relation, target) AS (
    SELECT 'pg_class'::regclass, c.oid, n.nspname, c.relname, true, format('%s %s',
               CASE WHEN c.relkind = 'v' OR c.oid = ANY ({aside}::oid[]) THEN 'VIEW'
                    WHEN c.relkind = 'm' THEN 'MATERIALIZED VIEW'
                    WHEN c.relkind = 'S' THEN 'SEQUENCE'
                    WHEN c.relkind IN ('i', 'I') THEN 'INDEX' ELSE 'TABLE' END, c.oid::regclass)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    UNION ALL
    SELECT 'pg_type'::regclass, t.oid, n.nspname, t.typname, false, format('%s %s',
               CASE t.typtype WHEN 'd' THEN 'DOMAIN' ELSE 'TYPE' END, t.oid::regtype)
    FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
    UNION ALL
    -- ROUTINE, since a name with its argument types may mean any kind of function.
    SELECT 'pg_proc'::regclass, p.oid, n.nspname, p.proname, false,
           format('ROUTINE %s', p.oid::regprocedure)
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    UNION ALL
    SELECT 'pg_operator'::regclass, o.oid, n.nspname, o.oprname, false,
           format('OPERATOR %s', o.oid::regoperator)
    FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace
    UNION ALL
    SELECT 'pg_collation'::regclass, c.oid, n.nspname, c.collname, false,
           format('COLLATION %s', c.oid::regcollation)
    FROM pg_collation c JOIN pg_namespace n ON n.oid = c.collnamespace
    UNION ALL
    SELECT 'pg_ts_config'::regclass, c.oid, n.nspname, c.cfgname, false,
           format('TEXT SEARCH CONFIGURATION %s', c.oid::regconfig)
    FROM pg_ts_config c JOIN pg_namespace n ON n.oid = c.cfgnamespace
    UNION ALL
    SELECT 'pg_ts_dict'::regclass, d.oid, n.nspname, d.dictname, false,
           format('TEXT SEARCH DICTIONARY %s', d.oid::regdictionary)
    FROM pg_ts_dict d JOIN pg_namespace n ON n.oid = d.dictnamespace
    UNION ALL
    SELECT 'pg_ts_parser'::regclass, p.oid, n.nspname, p.prsname, false,
           format('TEXT SEARCH PARSER %s%I', CASE WHEN pg_ts_parser_is_visible(p.oid) THEN ''
                                             ELSE quote_ident(n.nspname) || '.' END, p.prsname)
    FROM pg_ts_parser p JOIN pg_namespace n ON n.oid = p.prsnamespace
    UNION ALL
    SELECT 'pg_ts_template'::regclass, t.oid, n.nspname, t.tmplname, false,
           format('TEXT SEARCH TEMPLATE %s%I', CASE WHEN pg_ts_template_is_visible(t.oid) THEN ''
                                               ELSE quote_ident(n.nspname) || '.' END, t.tmplname)
    FROM pg_ts_template t JOIN pg_namespace n ON n.oid = t.tmplnamespace
    UNION ALL
    SELECT 'pg_conversion'::regclass, c.oid, n.nspname, c.conname, false,
           format('CONVERSION %s%I', CASE WHEN pg_conversion_is_visible(c.oid) THEN ''
                                     ELSE quote_ident(n.nspname) || '.' END, c.conname)
    FROM pg_conversion c JOIN pg_namespace n ON n.oid = c.connamespace
    UNION ALL
    SELECT 'pg_opclass'::regclass, c.oid, n.nspname, c.opcname, false,
           format('OPERATOR CLASS %s%I USING %I', CASE WHEN pg_opclass_is_visible(c.oid) THEN ''
                  ELSE quote_ident(n.nspname) || '.' END, c.opcname, m.amname)
    FROM pg_opclass c JOIN pg_namespace n ON n.oid = c.opcnamespace JOIN pg_am m ON m.oid = c.opcmethod
    UNION ALL
    SELECT 'pg_opfamily'::regclass, f.oid, n.nspname, f.opfname, false,
           format('OPERATOR FAMILY %s%I USING %I', CASE WHEN pg_opfamily_is_visible(f.oid) THEN ''
                  ELSE quote_ident(n.nspname) || '.' END, f.opfname, m.amname)
    FROM pg_opfamily f JOIN pg_namespace n ON n.oid = f.opfnamespace JOIN pg_am m ON m.oid = f.opfmethod
    UNION ALL
    SELECT 'pg_cast'::regclass, c.oid, min(n.nspname::text), 'cast', false,
           format('CAST (%s AS %s)', c.castsource::regtype, c.casttarget::regtype)
    FROM pg_cast c JOIN pg_type t ON t.oid IN (c.castsource, c.casttarget)
    JOIN pg_namespace n ON n.oid = t.typnamespace AND n.oid = ANY ({bases}::oid[])
    GROUP BY c.oid, c.castsource, c.casttarget
    UNION ALL
    SELECT 'pg_statistic_ext'::regclass, s.oid, n.nspname, s.stxname, false,
           format('STATISTICS %s%I', CASE WHEN pg_statistics_obj_is_visible(s.oid) THEN ''
                                          ELSE quote_ident(n.nspname) || '.' END, s.stxname)
    FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = s.stxnamespace
    UNION ALL
    SELECT 'pg_constraint'::regclass, k.oid, n.nspname, k.conname, false,
           format('CONSTRAINT %I ON %s', k.conname,
                  CASE WHEN k.conrelid <> 0 THEN k.conrelid::regclass::text
                       ELSE format('DOMAIN %s', k.contypid::regtype) END)
    FROM pg_constraint k JOIN pg_namespace n ON n.oid = k.connamespace
    UNION ALL
    SELECT 'pg_trigger'::regclass, t.oid, n.nspname, t.tgname, false,
           format('TRIGGER %I ON %s', t.tgname, c.oid::regclass)
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    UNION ALL
    SELECT 'pg_policy'::regclass, p.oid, n.nspname, p.polname, false,
           format('POLICY %I ON %s', p.polname, c.oid::regclass)
    FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    UNION ALL
    SELECT 'pg_rewrite'::regclass, r.oid, n.nspname, r.rulename, false,
           format('RULE %I ON %s', r.rulename, c.oid::regclass)
    FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class
    JOIN pg_namespace n ON n.oid = c.relnamespace
)
SELECT d.classoid::bigint AS classid, d.objoid::bigint AS objid, named.schema,
       format('comment on %I', named.object) AS object, d.objsubid AS place,
       format('COMMENT ON %s IS %L', CASE WHEN d.objsubid = 0 THEN named.target
              ELSE format('COLUMN %s.%I', d.objoid::regclass, a.attname) END, d.description) AS sql
FROM pg_description d
JOIN named ON named.classid = d.classoid AND named.objid = d.objoid
JOIN pg_namespace n ON n.nspname = named.schema AND n.oid = ANY ({bases}::oid[])
LEFT JOIN pg_attribute a ON named.relation AND d.objsubid <> 0
                        AND a.attrelid = d.objoid AND a.attnum = d.objsubid
ORDER BY 1, 2, 5
