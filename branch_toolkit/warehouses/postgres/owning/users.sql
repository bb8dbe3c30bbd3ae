-- What uses some relations and functions, apart from what comes with them.
WITH given AS (
    SELECT * FROM unnest(%(classids)s::oid[], %(objids)s::oid[]) AS given(classid, objid)
), target(classid, objid, by_type) AS (
    SELECT classid, objid, false FROM given
    UNION ALL
    SELECT 'pg_type'::regclass, type.oid, true
    FROM given
    JOIN pg_type t ON given.classid = 'pg_class'::regclass AND t.typrelid = given.objid
    CROSS JOIN LATERAL unnest(ARRAY[t.oid, t.typarray]) AS type(oid)
), dependent AS (
    SELECT d.classid, d.objid, bool_or(target.by_type) AS by_type
    FROM pg_depend d
    JOIN target ON target.classid = d.refclassid AND target.objid = d.refobjid
    WHERE d.deptype <> 'i'
    GROUP BY d.classid, d.objid
)
SELECT d.classid::oid::bigint, d.objid::bigint, d.by_type, c.oid::bigint,
       coalesce(c.relkind::text, ''), coalesce(w.rulename = '_RETURN', false), n.nspname,
       pg_describe_object(d.classid, d.objid, 0)
FROM dependent d
LEFT JOIN pg_rewrite w ON d.classid = 'pg_rewrite'::regclass AND w.oid = d.objid
LEFT JOIN pg_policy p ON d.classid = 'pg_policy'::regclass AND p.oid = d.objid
LEFT JOIN pg_trigger t ON d.classid = 'pg_trigger'::regclass AND t.oid = d.objid
LEFT JOIN pg_attrdef a ON d.classid = 'pg_attrdef'::regclass AND a.oid = d.objid
LEFT JOIN pg_statistic_ext s ON d.classid = 'pg_statistic_ext'::regclass AND s.oid = d.objid
LEFT JOIN pg_constraint k ON d.classid = 'pg_constraint'::regclass AND k.oid = d.objid
LEFT JOIN pg_index i ON d.classid = 'pg_class'::regclass AND i.indexrelid = d.objid
LEFT JOIN pg_proc f ON d.classid = 'pg_proc'::regclass AND f.oid = d.objid
LEFT JOIN pg_type y ON d.classid = 'pg_type'::regclass AND y.oid = d.objid
LEFT JOIN pg_class c ON c.oid = coalesce(w.ev_class, p.polrelid, t.tgrelid, a.adrelid, s.stxrelid,
    k.conrelid, i.indrelid, CASE WHEN d.classid = 'pg_class'::regclass THEN d.objid END)
LEFT JOIN pg_namespace n ON n.oid = coalesce(c.relnamespace, f.pronamespace, y.typnamespace)
WHERE NOT EXISTS (SELECT FROM given WHERE given.classid = d.classid AND given.objid = d.objid)
  -- What comes with it: its query, indexes, statistics, defaults, and the guard of a deferred table.
  AND NOT (EXISTS (SELECT FROM given WHERE given.classid = 'pg_class'::regclass AND given.objid = c.oid)
           AND (w.rulename = '_RETURN' OR d.classid IN ('pg_class'::regclass, 'pg_attrdef'::regclass,
                'pg_statistic_ext'::regclass) OR t.tgname = '_deferred_write'))
ORDER BY 1, 2
