SELECT 'pg_class'::regclass::oid::bigint AS classid, c.oid::bigint AS objid, n.nspname AS schema,
       format('%sview %I', CASE c.relkind WHEN 'm' THEN 'materialized ' ELSE '' END,
              c.relname) AS object,
       'pg_rewrite'::regclass::oid::bigint AS rule_classid,
       CASE c.relkind WHEN 'v' THEN r.oid::bigint END AS rule_objid,
       concat_ws(' ',
           format('CREATE %sVIEW %s', CASE c.relkind WHEN 'm' THEN 'MATERIALIZED ' ELSE '' END,
                  c.oid::regclass),
           (SELECT format('USING %I', m.amname) FROM pg_am m
            WHERE m.oid = c.relam
              AND m.amname <> current_setting('default_table_access_method')),
           (SELECT format('WITH (%s)', string_agg(
                format('%s=%L', prefix || split_part(option, '=', 1),
                       substr(option, strpos(option, '=') + 1)), ', '))
            FROM (SELECT '', unnest(c.reloptions)
                  UNION ALL SELECT 'toast.', unnest(toast.reloptions)) AS set(prefix, option)
            HAVING count(*) > 0),
           'AS', rtrim(pg_get_viewdef(c.oid), ';'),
           CASE c.relkind WHEN 'm' THEN 'WITH NO DATA' END) AS sql,
       CASE WHEN c.relkind = 'm' AND c.relispopulated
            THEN format('REFRESH MATERIALIZED VIEW %s', c.oid::regclass) END AS refresh
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_rewrite r ON r.ev_class = c.oid AND r.rulename = '_RETURN'
LEFT JOIN pg_class toast ON toast.oid = c.reltoastrelid
WHERE c.relkind IN ('v', 'm') AND c.relnamespace = ANY ({bases}::oid[])
  AND c.oid <> ALL ({aside}::oid[])
ORDER BY c.oid
