WITH named AS (
    SELECT 'template' AS kind, t.oid, CASE WHEN pg_ts_template_is_visible(t.oid)
           THEN quote_ident(t.tmplname) ELSE format('%I.%I', n.nspname, t.tmplname) END AS name
    FROM pg_ts_template t JOIN pg_namespace n ON n.oid = t.tmplnamespace
    UNION ALL
    SELECT 'parser', p.oid, CASE WHEN pg_ts_parser_is_visible(p.oid)
           THEN quote_ident(p.prsname) ELSE format('%I.%I', n.nspname, p.prsname) END
    FROM pg_ts_parser p JOIN pg_namespace n ON n.oid = p.prsnamespace
)
SELECT 'pg_ts_dict'::regclass::oid::bigint AS classid, d.oid::bigint AS objid,
       n.nspname AS schema, format('text search dictionary %I', d.dictname) AS object, 0 AS place,
       format('CREATE TEXT SEARCH DICTIONARY %s (%s)', d.oid::regdictionary,
              concat_ws(', ', 'TEMPLATE = ' || t.name, d.dictinitoption)) AS sql
FROM pg_ts_dict d
JOIN pg_namespace n ON n.oid = d.dictnamespace
JOIN named t ON t.kind = 'template' AND t.oid = d.dicttemplate
WHERE d.dictnamespace = ANY ({bases}::oid[])
UNION ALL
SELECT 'pg_ts_config'::regclass::oid::bigint, c.oid::bigint, n.nspname,
       format('text search configuration %I', c.cfgname), 0,
       format('CREATE TEXT SEARCH CONFIGURATION %s (PARSER = %s)', c.oid::regconfig, p.name)
FROM pg_ts_config c
JOIN pg_namespace n ON n.oid = c.cfgnamespace
JOIN named p ON p.kind = 'parser' AND p.oid = c.cfgparser
WHERE c.cfgnamespace = ANY ({bases}::oid[])
UNION ALL
SELECT 'pg_ts_config'::regclass::oid::bigint, c.oid::bigint, n.nspname,
       format('text search configuration %I', c.cfgname), m.maptokentype,
       format('ALTER TEXT SEARCH CONFIGURATION %s ADD MAPPING FOR %I WITH %s', c.oid::regconfig,
              (SELECT alias FROM ts_token_type(c.cfgparser) WHERE tokid = m.maptokentype),
              string_agg(m.mapdict::regdictionary::text, ', ' ORDER BY m.mapseqno))
FROM pg_ts_config c
JOIN pg_namespace n ON n.oid = c.cfgnamespace
JOIN pg_ts_config_map m ON m.mapcfg = c.oid
WHERE c.cfgnamespace = ANY ({bases}::oid[])
GROUP BY c.oid, c.cfgname, c.cfgparser, n.nspname, m.maptokentype
ORDER BY 1, 2, 5
