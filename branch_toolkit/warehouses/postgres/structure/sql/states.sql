-- The relations of base, and what they are in the clones; `reads` is the function that a view there
-- reads. Unlike `relations.sql`, it takes no locks on tables.
SELECT b.oid::bigint AS id, n.nspname AS schema, b.relname AS name, b.relkind::text AS kind,
       c.oid::bigint AS clone, reads.proname AS reads
FROM unnest({bases}::oid[], {clones}::text[]) AS pair(base, clone)
JOIN pg_class b ON b.relnamespace = pair.base AND b.relkind IN ('r', 'p', 'f', 'm', 'v')
JOIN pg_namespace n ON n.oid = b.relnamespace
LEFT JOIN pg_class c ON c.relnamespace = to_regnamespace(pair.clone) AND c.relname = b.relname
LEFT JOIN (
    SELECT r.ev_class, min(p.proname) AS proname
    FROM pg_rewrite r
    JOIN pg_class v ON v.oid = r.ev_class AND v.relkind = 'v'
    JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
                    AND d.refclassid = 'pg_proc'::regclass
    JOIN pg_proc p ON p.oid = d.refobjid AND p.pronamespace = v.relnamespace
                  AND starts_with(p.proname, '_deferred_')
    WHERE r.rulename = '_RETURN'
    GROUP BY r.ev_class
) AS reads ON reads.ev_class = c.oid
WHERE NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass
                  AND e.objid = b.oid AND e.deptype = 'e')
ORDER BY 1
