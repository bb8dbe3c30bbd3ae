SELECT 'pg_conversion'::regclass::oid::bigint AS classid, c.oid::bigint AS objid,
       n.nspname AS schema, format('conversion %I', c.conname) AS object,
       format('CREATE %sCONVERSION %s%I FOR %L TO %L FROM %s%I',
              CASE WHEN c.condefault THEN 'DEFAULT ' ELSE '' END,
              CASE WHEN pg_conversion_is_visible(c.oid) THEN ''
                   ELSE quote_ident(n.nspname) || '.' END, c.conname,
              pg_encoding_to_char(c.conforencoding), pg_encoding_to_char(c.contoencoding),
              CASE WHEN pg_function_is_visible(p.oid) THEN ''
                   ELSE quote_ident(pn.nspname) || '.' END, p.proname) AS sql
FROM pg_conversion c
JOIN pg_namespace n ON n.oid = c.connamespace
JOIN pg_proc p ON p.oid = c.conproc
JOIN pg_namespace pn ON pn.oid = p.pronamespace
WHERE c.connamespace = ANY ({bases}::oid[])
ORDER BY c.oid
