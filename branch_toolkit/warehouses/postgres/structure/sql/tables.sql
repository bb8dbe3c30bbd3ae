-- Tables without their columns and checks; `tail` is what comes after these.
SELECT 'pg_class'::regclass::oid::bigint AS classid, c.oid::bigint AS objid, n.nspname AS schema,
       format('table %I', c.relname) AS object,
       c.oid::regclass::text AS quoted, c.relpersistence = 'u' AS unlogged,
       concat_ws(' ',
           CASE WHEN NOT c.relispartition THEN
               (SELECT format('INHERITS (%s)', string_agg(i.inhparent::regclass::text, ', '
                                                          ORDER BY i.inhseqno))
                FROM pg_inherits i JOIN pg_class parent ON parent.oid = i.inhparent
                WHERE i.inhrelid = c.oid AND parent.relnamespace = ANY ({bases}::oid[])
                  AND parent.oid <> ALL ({aside}::oid[])
                HAVING count(*) > 0) END,
           'PARTITION BY ' || pg_get_partkeydef(c.oid),
           (SELECT format('USING %I', m.amname) FROM pg_am m
            WHERE m.oid = c.relam
              AND m.amname <> current_setting('default_table_access_method')),
           (SELECT format('WITH (%s)', string_agg(
                format('%s=%L', prefix || split_part(option, '=', 1),
                       substr(option, strpos(option, '=') + 1)), ', '))
            FROM (SELECT '', unnest(c.reloptions)
                  UNION ALL SELECT 'toast.', unnest(toast.reloptions)) AS set(prefix, option)
            HAVING count(*) > 0)) AS tail,
       (SELECT format('ALTER TABLE ONLY %s ATTACH PARTITION %s %s', i.inhparent::regclass,
                      c.oid::regclass, pg_get_expr(c.relpartbound, c.oid))
        FROM pg_inherits i JOIN pg_class parent ON parent.oid = i.inhparent
        WHERE i.inhrelid = c.oid AND c.relispartition
          AND parent.relnamespace = ANY ({bases}::oid[])
          AND parent.oid <> ALL ({aside}::oid[])) AS attach,
       CASE WHEN c.reloftype <> 0
            THEN format('ALTER TABLE %s OF %s', c.oid::regclass, c.reloftype::regtype) END AS of_type
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_class toast ON toast.oid = c.reltoastrelid
WHERE c.relkind IN ('r', 'p') AND c.relnamespace = ANY ({bases}::oid[])
  AND c.oid <> ALL ({aside}::oid[])
ORDER BY c.oid
