-- The members, with the extension that a member belongs to.
WITH member AS ({members})
SELECT m.classid::bigint, m.objid::bigint, m.maker_class::bigint, m.maker::bigint, e.extname AS extension
FROM member m
LEFT JOIN pg_depend d ON d.classid = m.maker_class AND d.objid = m.maker AND d.deptype = 'e'
LEFT JOIN pg_extension e ON e.oid = d.refobjid
ORDER BY 1, 2
