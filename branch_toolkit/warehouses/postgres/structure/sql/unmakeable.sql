-- Functions that cannot be made over what is set aside, since they name a constraint of it.
SELECT DISTINCT 'pg_proc'::regclass::oid::bigint AS classid, p.oid::bigint AS objid,
       n.nspname AS schema,
       format('%s %I(%s)', CASE p.prokind WHEN 'p' THEN 'procedure' ELSE 'function' END, p.proname,
              pg_get_function_identity_arguments(p.oid)) AS object,
       k.conrelid::bigint AS table, k.conrelid::regclass::text AS label
FROM pg_depend d
JOIN pg_proc p ON p.oid = d.objid
JOIN pg_namespace n ON n.oid = p.pronamespace
JOIN pg_constraint k ON k.oid = d.refobjid
WHERE d.classid = 'pg_proc'::regclass AND d.refclassid = 'pg_constraint'::regclass
  AND p.pronamespace = ANY ({bases}::oid[]) AND k.conrelid = ANY ({aside}::oid[])
ORDER BY 1, 2, 5
