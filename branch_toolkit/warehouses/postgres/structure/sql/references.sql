-- Which of the names that both an extension and another object of a base schema have objects mean.
WITH named AS MATERIALIZED ({names}), ambiguous AS (
    SELECT schema, name FROM named GROUP BY schema, name HAVING bool_or(kept) AND bool_or(NOT kept)
), wanted AS (
    SELECT named.* FROM named JOIN ambiguous USING (schema, name)
), member AS ({members})
SELECT m.maker_class::bigint AS classid, m.maker::bigint AS objid, w.schema, w.name, w.kept
FROM pg_depend d
JOIN member m ON m.classid = d.classid AND m.objid = d.objid
JOIN wanted w ON w.classid = d.refclassid AND w.objid = d.refobjid
WHERE m.maker IS NOT NULL
UNION
-- A view's query and a column's default are read together with their relation.
SELECT 'pg_class'::regclass::oid::bigint, coalesce(r.ev_class, a.adrelid)::bigint, w.schema, w.name,
       w.kept
FROM pg_depend d
JOIN wanted w ON w.classid = d.refclassid AND w.objid = d.refobjid
LEFT JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
LEFT JOIN pg_attrdef a ON d.classid = 'pg_attrdef'::regclass AND a.oid = d.objid
WHERE r.oid IS NOT NULL OR a.oid IS NOT NULL
UNION
SELECT maker_class::bigint, maker::bigint, schema, name, kept FROM wanted WHERE maker IS NOT NULL
