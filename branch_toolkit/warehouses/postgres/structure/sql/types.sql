-- CREATE TYPE and CREATE DOMAIN; a domain's checks come apart, as they may call functions on it.
SELECT 'pg_type'::regclass::oid::bigint AS classid, t.oid::bigint AS objid, n.nspname AS schema,
       format('%s %I', CASE t.typtype WHEN 'd' THEN 'domain' ELSE 'type' END, t.typname) AS object,
       CASE t.typtype
       WHEN 'e' THEN
           (SELECT format('CREATE TYPE %s AS ENUM (%s)', t.oid::regtype,
                          string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder))
            FROM pg_enum e WHERE e.enumtypid = t.oid)
       WHEN 'c' THEN
           (SELECT format('CREATE TYPE %s AS (%s)', t.oid::regtype, string_agg(
                       concat_ws(' ', quote_ident(a.attname), format_type(a.atttypid, a.atttypmod),
                                 CASE WHEN a.attcollation <> at.typcollation
                                      THEN format('COLLATE %s', a.attcollation::regcollation) END),
                       ', ' ORDER BY a.attnum))
            FROM pg_attribute a JOIN pg_type at ON at.oid = a.atttypid
            WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped)
       WHEN 'd' THEN
           concat_ws(' ', format('CREATE DOMAIN %s AS %s', t.oid::regtype,
                                 format_type(t.typbasetype, t.typtypmod)),
               CASE WHEN t.typcollation <> b.typcollation
                    THEN format('COLLATE %s', t.typcollation::regcollation) END,
               CASE WHEN t.typdefault IS NOT NULL
                    THEN 'DEFAULT ' || coalesce(pg_get_expr(t.typdefaultbin, 0),
                                                quote_literal(t.typdefault)) END,
               CASE WHEN t.typnotnull THEN coalesce(
                   (SELECT format('CONSTRAINT %I ', k.conname) FROM pg_constraint k
                    WHERE k.contypid = t.oid AND k.contype = 'n'), '') || 'NOT NULL' END)
       WHEN 'r' THEN
           (SELECT format('CREATE TYPE %s AS RANGE (%s)', t.oid::regtype, concat_ws(', ',
                       format('SUBTYPE = %s', format_type(r.rngsubtype, NULL)),
                       CASE WHEN NOT oc.opcdefault THEN format('SUBTYPE_OPCLASS = %s%I',
                            CASE WHEN pg_opclass_is_visible(oc.oid) THEN ''
                                 ELSE quote_ident(ocn.nspname) || '.' END, oc.opcname) END,
                       CASE WHEN r.rngcollation <> st.typcollation
                            THEN format('COLLATION = %s', r.rngcollation::regcollation) END,
                       CASE WHEN cf.oid IS NOT NULL THEN format('CANONICAL = %s%I',
                            CASE WHEN pg_function_is_visible(cf.oid) THEN ''
                                 ELSE quote_ident(cfn.nspname) || '.' END, cf.proname) END,
                       CASE WHEN df.oid IS NOT NULL THEN format('SUBTYPE_DIFF = %s%I',
                            CASE WHEN pg_function_is_visible(df.oid) THEN ''
                                 ELSE quote_ident(dfn.nspname) || '.' END, df.proname) END,
                       format('MULTIRANGE_TYPE_NAME = %s', r.rngmultitypid::regtype)))
            FROM pg_range r
            JOIN pg_type st ON st.oid = r.rngsubtype
            JOIN pg_opclass oc ON oc.oid = r.rngsubopc
            JOIN pg_namespace ocn ON ocn.oid = oc.opcnamespace
            LEFT JOIN pg_proc cf ON cf.oid = r.rngcanonical
            LEFT JOIN pg_namespace cfn ON cfn.oid = cf.pronamespace
            LEFT JOIN pg_proc df ON df.oid = r.rngsubdiff
            LEFT JOIN pg_namespace dfn ON dfn.oid = df.pronamespace
            WHERE r.rngtypid = t.oid)
       END AS sql
FROM pg_type t
JOIN pg_namespace n ON n.oid = t.typnamespace
LEFT JOIN pg_type b ON b.oid = t.typbasetype
LEFT JOIN pg_class c ON c.oid = t.typrelid
WHERE t.typnamespace = ANY ({bases}::oid[])
  AND (t.typtype IN ('e', 'd', 'r') OR t.typtype = 'c' AND c.relkind = 'c')
ORDER BY t.oid
