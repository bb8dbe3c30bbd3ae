-- The members, with the extension that a member belongs to: its own, or that of the table or type
-- without which it would not be there.
WITH member AS ({members}), holder(classid, objid, refclassid, refobjid) AS (
    SELECT 'pg_class'::regclass::oid, indexrelid, 'pg_class'::regclass::oid, indrelid FROM pg_index
    UNION ALL
    SELECT 'pg_constraint'::regclass, oid,
           CASE WHEN conrelid <> 0 THEN 'pg_class'::regclass ELSE 'pg_type'::regclass END,
           CASE WHEN conrelid <> 0 THEN conrelid ELSE contypid END
    FROM pg_constraint
    UNION ALL SELECT 'pg_attrdef'::regclass, oid, 'pg_class'::regclass, adrelid FROM pg_attrdef
    UNION ALL SELECT 'pg_trigger'::regclass, oid, 'pg_class'::regclass, tgrelid FROM pg_trigger
    UNION ALL SELECT 'pg_rewrite'::regclass, oid, 'pg_class'::regclass, ev_class FROM pg_rewrite
    UNION ALL SELECT 'pg_policy'::regclass, oid, 'pg_class'::regclass, polrelid FROM pg_policy
    UNION ALL
    SELECT 'pg_statistic_ext'::regclass, oid, 'pg_class'::regclass, stxrelid FROM pg_statistic_ext
), owned AS (
    SELECT d.classid, d.objid, e.extname
    FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
    WHERE d.deptype = 'e'
)
SELECT m.classid::bigint, m.objid::bigint, m.maker_class::bigint, m.maker::bigint,
       coalesce(own.extname, held.extname) AS extension
FROM member m
LEFT JOIN owned own ON own.classid = m.maker_class AND own.objid = m.maker
LEFT JOIN holder h ON h.classid = m.maker_class AND h.objid = m.maker
LEFT JOIN owned held ON held.classid = h.refclassid AND held.objid = h.refobjid
ORDER BY 1, 2
