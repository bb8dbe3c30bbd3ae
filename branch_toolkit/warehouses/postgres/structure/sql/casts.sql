-- Casts from and to types of base. A cast without a function can only be made by a superuser.
SELECT 'pg_cast'::regclass::oid::bigint AS classid, c.oid::bigint AS objid,
       min(n.nspname::text) AS schema,
       format('cast from %s to %s', c.castsource::regtype, c.casttarget::regtype) AS object,
       format('CREATE CAST (%s AS %s) %s%s', c.castsource::regtype, c.casttarget::regtype,
              CASE c.castmethod WHEN 'f' THEN 'WITH FUNCTION ' || c.castfunc::regprocedure
                                WHEN 'i' THEN 'WITH INOUT' ELSE 'WITHOUT FUNCTION' END,
              CASE c.castcontext WHEN 'a' THEN ' AS ASSIGNMENT' WHEN 'i' THEN ' AS IMPLICIT'
                                 ELSE '' END) AS sql
FROM pg_cast c
JOIN pg_type t ON t.oid IN (c.castsource, c.casttarget)
JOIN pg_namespace n ON n.oid = t.typnamespace
JOIN pg_roles creator ON creator.rolname = current_user
WHERE n.oid = ANY ({bases}::oid[]) AND t.oid <> ALL ({shared}::oid[])
  AND (creator.rolsuper OR c.castmethod <> 'b')
GROUP BY c.oid, c.castsource, c.casttarget, c.castmethod, c.castcontext, c.castfunc
ORDER BY c.oid
