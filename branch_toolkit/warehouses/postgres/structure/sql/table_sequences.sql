-- The sequences that some tables own or draw from, as far as they are base's.
WITH used(id, identity) AS (
    SELECT d.objid, d.deptype = 'i' FROM pg_depend d
    WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
      AND d.refobjid = ANY ({objids}::oid[]) AND d.deptype IN ('a', 'i')
    UNION
    SELECT d.refobjid, false FROM pg_depend d JOIN pg_attrdef a ON a.oid = d.objid
    WHERE d.classid = 'pg_attrdef'::regclass AND d.refclassid = 'pg_class'::regclass
      AND a.adrelid = ANY ({objids}::oid[])
)
SELECT 'pg_class'::regclass::oid::bigint AS classid, s.oid::bigint AS objid,
       format('%I.%I', n.nspname, s.relname) AS source,
       format('%s.%I', pair.clone, s.relname) AS target,
       bool_or(used.identity) AS identity, q.seqincrement > 0 AS ascending,
       to_regclass(format('%s.%I', pair.clone, s.relname)) IS NOT NULL AS there
FROM used
JOIN pg_class s ON s.oid = used.id AND s.relkind = 'S'
JOIN pg_sequence q ON q.seqrelid = s.oid
JOIN pg_namespace n ON n.oid = s.relnamespace
JOIN unnest({bases}::oid[], {clones}::text[]) AS pair(base, clone) ON pair.base = s.relnamespace
GROUP BY s.oid, n.nspname, s.relname, pair.clone, q.seqincrement
ORDER BY s.oid
