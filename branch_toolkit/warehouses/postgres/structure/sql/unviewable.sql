-- Views that cannot be made over what is set aside: they group by its keys, or name system columns.
SELECT DISTINCT c.oid::bigint AS id, n.nspname AS schema, c.relname AS name,
       CASE WHEN k.oid IS NOT NULL
            THEN format('it groups by a key of %s', k.conrelid::regclass)
            ELSE format('it reads a system column of %s', d.refobjid::regclass) END AS reason
FROM pg_depend d
JOIN pg_rewrite r ON r.oid = d.objid AND r.rulename = '_RETURN'
JOIN pg_class c ON c.oid = r.ev_class
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_constraint k ON d.refclassid = 'pg_constraint'::regclass AND k.oid = d.refobjid
                         AND k.conrelid = ANY ({aside}::oid[])
WHERE d.classid = 'pg_rewrite'::regclass
  AND c.relkind IN ('v', 'm') AND c.relnamespace = ANY ({bases}::oid[])
  AND c.oid <> ALL ({aside}::oid[])
  AND (k.oid IS NOT NULL
       OR d.refclassid = 'pg_class'::regclass AND d.refobjid = ANY ({aside}::oid[])
          AND d.refobjsubid < 0)
ORDER BY 1, 4
