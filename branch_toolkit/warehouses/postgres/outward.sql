-- Triggers, rules and views of the given schemas whose clones would reach what is not cloned.
WITH bases AS (
    SELECT oid FROM pg_namespace WHERE nspname = ANY (%(schemas)s)
),
foreign_schemas AS (
    SELECT oid, nspname FROM pg_namespace
    WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
      AND oid NOT IN (SELECT oid FROM bases)
),
named AS (
    -- A body is text: whoever names a schema in it, base or not, is taken at its word.
    SELECT p.oid, string_agg(n.nspname, ', ' ORDER BY n.nspname) AS schemas
    FROM pg_proc p
    JOIN pg_namespace n ON n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
     AND p.prosrc ~* ('(^|[^[:alnum:]_$.])"?'
                      || regexp_replace(n.nspname, '([^[:alnum:]_])', '\\\1', 'g') || '"?\s*\.')
    WHERE p.oid IN (SELECT tgfoid FROM pg_trigger WHERE NOT tgisinternal)
    GROUP BY p.oid
)
SELECT n.nspname, c.relname, 'trigger', t.tgname,
       CASE WHEN f.oid IS NULL THEN format('its function names %%s', named.schemas)
            ELSE format('its function %%s is not cloned', p.oid::regprocedure) END
FROM pg_trigger t
JOIN pg_class c ON c.oid = t.tgrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_proc p ON p.oid = t.tgfoid
LEFT JOIN foreign_schemas f ON f.oid = p.pronamespace
 AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_proc'::regclass
                 AND e.objid = p.oid AND e.deptype = 'e')
LEFT JOIN named ON named.oid = p.oid
WHERE NOT t.tgisinternal AND t.tgparentid = 0 AND n.oid IN (SELECT oid FROM bases)
  AND (f.oid IS NOT NULL OR named.oid IS NOT NULL)
UNION
SELECT n.nspname, c.relname, CASE r.rulename WHEN '_RETURN' THEN 'view' ELSE 'rule' END,
       CASE r.rulename WHEN '_RETURN' THEN c.relname ELSE r.rulename END,
       format('it reaches %%s, which is not cloned', o.oid::regclass)
FROM pg_rewrite r
JOIN pg_class c ON c.oid = r.ev_class
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
                AND d.refclassid = 'pg_class'::regclass
JOIN pg_class o ON o.oid = d.refobjid
WHERE n.oid IN (SELECT oid FROM bases) AND o.relnamespace IN (SELECT oid FROM foreign_schemas)
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass
                  AND e.objid = o.oid AND e.deptype = 'e')
ORDER BY 1, 2, 3, 4
