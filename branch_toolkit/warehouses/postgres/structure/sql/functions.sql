-- Functions and procedures, as far as the role can make them: the reasons stand in `undefined.sql`.
SELECT 'pg_proc'::regclass::oid::bigint AS classid, p.oid::bigint AS objid, n.nspname AS schema,
       format('%s %I(%s)', CASE p.prokind WHEN 'p' THEN 'procedure' ELSE 'function' END, p.proname,
              pg_get_function_identity_arguments(p.oid)) AS object,
       pg_get_functiondef(p.oid) AS sql
FROM pg_proc p
JOIN pg_namespace n ON n.oid = p.pronamespace
JOIN pg_language l ON l.oid = p.prolang
JOIN pg_roles creator ON creator.rolname = current_user
WHERE p.pronamespace = ANY ({bases}::oid[]) AND p.prokind <> 'a'
  AND NOT EXISTS (SELECT FROM pg_depend i WHERE i.classid = 'pg_proc'::regclass
                  AND i.objid = p.oid AND i.deptype = 'i' AND i.refclassid = 'pg_type'::regclass)
  AND (creator.rolsuper
       OR l.lanpltrusted AND has_language_privilege(l.oid, 'USAGE') AND NOT p.proleakproof
          AND p.prosupport = 0
          AND NOT EXISTS (SELECT FROM unnest(p.proconfig) AS given(text)
                          JOIN pg_settings s ON s.name = split_part(given.text, '=', 1)
                          WHERE s.context = 'superuser'))
ORDER BY p.oid
