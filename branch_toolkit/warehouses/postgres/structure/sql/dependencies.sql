-- Which object has to be there before which other one.
WITH member AS MATERIALIZED ({members})
SELECT DISTINCT o.maker_class::bigint AS classid, o.maker::bigint AS objid,
       r.maker_class::bigint AS refclassid, r.maker::bigint AS refobjid
FROM pg_depend d
JOIN member o ON o.classid = d.classid AND o.objid = d.objid
JOIN member r ON r.classid = d.refclassid AND r.objid = d.refobjid
LEFT JOIN pg_rewrite rule ON d.classid = 'pg_rewrite'::regclass AND rule.oid = d.objid
                         AND rule.rulename = '_RETURN'
LEFT JOIN pg_class s ON d.classid = 'pg_class'::regclass AND s.oid = d.objid AND s.relkind = 'S'
WHERE (o.maker_class, o.maker) <> (r.maker_class, r.maker)
  -- A view's query always depends on the view (up to Postgres 15 twice); here that means a view
  -- that reads itself.
  AND (r.objid = rule.ev_class AND r.classid = 'pg_class'::regclass
       AND (d.deptype = 'i' OR d.refobjsubid = 0
                            AND current_setting('server_version_num')::integer < 160000)) IS NOT TRUE
  -- A sequence is made first, and then given to its column.
  AND (s.oid IS NULL OR d.deptype <> 'a')
ORDER BY 1, 2, 3, 4
