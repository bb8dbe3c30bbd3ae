-- What in the clones (members) depends on something in the base schemas. Members of an extension
-- that lies in a base schema are shared on purpose.
WITH member AS MATERIALIZED ({members}), base AS MATERIALIZED ({base_members})
SELECT n.nspname AS schema, pg_describe_object(d.classid, d.objid, d.objsubid) AS object,
       pg_describe_object(d.refclassid, d.refobjid, d.refobjsubid) AS base_object
FROM pg_depend d
JOIN member m ON m.classid = d.classid AND m.objid = d.objid
JOIN pg_namespace n ON n.oid = m.namespace
LEFT JOIN base b ON b.classid = d.refclassid AND b.objid = d.refobjid
WHERE (b.objid IS NOT NULL
       OR d.refclassid = 'pg_namespace'::regclass AND d.refobjid = ANY ({base_schemas}::oid[]))
  AND NOT (d.refclassid IN ('pg_type'::regclass, 'pg_collation'::regclass)
           AND d.refobjid = ANY ({shared}::oid[]))
  AND NOT EXISTS (
      SELECT FROM pg_depend e
      WHERE e.deptype = 'e' AND ((e.classid, e.objid) = (b.classid, b.objid)
                                 OR (e.classid, e.objid) = (b.maker_class, b.maker)))
ORDER BY 1, 2, 3
