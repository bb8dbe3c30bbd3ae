SELECT 'pg_proc'::regclass::oid::bigint AS classid, p.oid::bigint AS objid, n.nspname AS schema,
       format('%s %I(%s)', CASE p.prokind WHEN 'p' THEN 'procedure' ELSE 'function' END, p.proname,
              pg_get_function_identity_arguments(p.oid)) AS object,
       pg_get_functiondef(p.oid) AS sql
FROM pg_proc p
JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE p.pronamespace = ANY ({bases}::oid[]) AND p.prokind <> 'a'
  AND NOT EXISTS (SELECT FROM pg_depend i WHERE i.classid = 'pg_proc'::regclass
                  AND i.objid = p.oid AND i.deptype = 'i' AND i.refclassid = 'pg_type'::regclass)
ORDER BY p.oid
