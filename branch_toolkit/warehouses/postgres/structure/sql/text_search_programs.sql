-- Parsers and templates for dictionaries, which consist of functions in C. Only a superuser makes them.
WITH functions AS (
    SELECT p.oid, CASE WHEN pg_function_is_visible(p.oid) THEN quote_ident(p.proname)
                       ELSE format('%I.%I', n.nspname, p.proname) END AS name
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE p.oid IN (SELECT unnest(ARRAY[prsstart, prstoken, prsend, prslextype, prsheadline])
                    FROM pg_ts_parser
                    UNION ALL SELECT unnest(ARRAY[tmplinit, tmpllexize]) FROM pg_ts_template)
)
SELECT 'pg_ts_parser'::regclass::oid::bigint AS classid, x.oid::bigint AS objid,
       n.nspname AS schema, format('text search parser %I', x.prsname) AS object,
       format('CREATE TEXT SEARCH PARSER %s%I (%s)',
              CASE WHEN pg_ts_parser_is_visible(x.oid) THEN '' ELSE quote_ident(n.nspname) || '.' END,
              x.prsname, concat_ws(', ', 'START = ' || started.name, 'GETTOKEN = ' || token.name,
                                   'END = ' || ended.name, 'LEXTYPES = ' || types.name,
                                   'HEADLINE = ' || headline.name)) AS sql
FROM pg_ts_parser x
JOIN pg_namespace n ON n.oid = x.prsnamespace
JOIN pg_roles creator ON creator.rolname = current_user AND creator.rolsuper
JOIN functions started ON started.oid = x.prsstart
JOIN functions token ON token.oid = x.prstoken
JOIN functions ended ON ended.oid = x.prsend
JOIN functions types ON types.oid = x.prslextype
LEFT JOIN functions headline ON headline.oid = x.prsheadline
WHERE n.oid = ANY ({bases}::oid[])
UNION ALL
SELECT 'pg_ts_template'::regclass::oid::bigint, x.oid::bigint, n.nspname,
       format('text search template %I', x.tmplname),
       format('CREATE TEXT SEARCH TEMPLATE %s%I (%s)',
              CASE WHEN pg_ts_template_is_visible(x.oid) THEN ''
                   ELSE quote_ident(n.nspname) || '.' END,
              x.tmplname, concat_ws(', ', 'INIT = ' || init.name, 'LEXIZE = ' || lexize.name))
FROM pg_ts_template x
JOIN pg_namespace n ON n.oid = x.tmplnamespace
JOIN pg_roles creator ON creator.rolname = current_user AND creator.rolsuper
LEFT JOIN functions init ON init.oid = x.tmplinit
JOIN functions lexize ON lexize.oid = x.tmpllexize
WHERE n.oid = ANY ({bases}::oid[])
ORDER BY 1, 2
