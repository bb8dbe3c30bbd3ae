-- Types whose values are handled by functions in C, and types that are only declared. The functions
-- need the type to be declared before; see `shells.sql`.
WITH functions AS (
    SELECT p.oid, CASE WHEN pg_function_is_visible(p.oid) THEN quote_ident(p.proname)
                       ELSE format('%I.%I', n.nspname, p.proname) END AS name
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE p.oid IN (
        SELECT f FROM pg_type t, unnest(ARRAY[t.typinput, t.typoutput, t.typreceive, t.typsend,
            t.typmodin, t.typmodout, t.typanalyze, t.typsubscript]) AS f
        WHERE t.typtype = 'b' AND t.typnamespace = ANY ({bases}::oid[]))
)
SELECT 'pg_type'::regclass::oid::bigint AS classid, t.oid::bigint AS objid, n.nspname AS schema,
       format('type %I', t.typname) AS object,
       CASE WHEN NOT t.typisdefined THEN format('CREATE TYPE %s', t.oid::regtype)
       ELSE format('CREATE TYPE %s (%s)', t.oid::regtype, concat_ws(', ',
           'INTERNALLENGTH = ' || CASE t.typlen WHEN -1 THEN 'variable' ELSE t.typlen::text END,
           'INPUT = ' || input.name,
           'OUTPUT = ' || output.name,
           'RECEIVE = ' || receive.name,
           'SEND = ' || send.name,
           'TYPMOD_IN = ' || modin.name,
           'TYPMOD_OUT = ' || modout.name,
           'ANALYZE = ' || analyzer.name,
           'SUBSCRIPT = ' || subscript.name,
           CASE WHEN t.typcollation <> 0 THEN 'COLLATABLE = true' END,
           'DEFAULT = ' || coalesce(pg_get_expr(t.typdefaultbin, 0), quote_literal(t.typdefault)),
           'ELEMENT = ' || nullif(t.typelem, 0)::regtype,
           'CATEGORY = ' || quote_literal(t.typcategory::text),
           CASE WHEN t.typispreferred THEN 'PREFERRED = true' END,
           'DELIMITER = ' || quote_literal(t.typdelim::text),
           'ALIGNMENT = ' || CASE t.typalign WHEN 'c' THEN 'char' WHEN 's' THEN 'int2'
                                             WHEN 'i' THEN 'int4' ELSE 'double' END,
           'STORAGE = ' || CASE t.typstorage WHEN 'p' THEN 'plain' WHEN 'e' THEN 'external'
                                             WHEN 'm' THEN 'main' ELSE 'extended' END,
           CASE WHEN t.typbyval THEN 'PASSEDBYVALUE' END)) END AS sql
FROM pg_type t
JOIN pg_namespace n ON n.oid = t.typnamespace
JOIN pg_roles creator ON creator.rolname = current_user
LEFT JOIN pg_type element ON element.typarray = t.oid
LEFT JOIN functions input ON input.oid = t.typinput
LEFT JOIN functions output ON output.oid = t.typoutput
LEFT JOIN functions receive ON receive.oid = t.typreceive
LEFT JOIN functions send ON send.oid = t.typsend
LEFT JOIN functions modin ON modin.oid = t.typmodin
LEFT JOIN functions modout ON modout.oid = t.typmodout
LEFT JOIN functions analyzer ON analyzer.oid = t.typanalyze
LEFT JOIN functions subscript ON subscript.oid = t.typsubscript
WHERE t.typnamespace = ANY ({bases}::oid[]) AND element.oid IS NULL
  AND creator.rolsuper AND (NOT t.typisdefined OR t.typtype = 'b')
ORDER BY t.oid
