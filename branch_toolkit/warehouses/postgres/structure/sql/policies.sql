SELECT 'pg_policy'::regclass::oid::bigint AS classid, p.oid::bigint AS objid, n.nspname AS schema,
       format('policy %I of table %I', p.polname, c.relname) AS object,
       concat_ws(' ',
           format('CREATE POLICY %I ON %s AS %s FOR %s TO %s', p.polname, c.oid::regclass,
               CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
               CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE'
                             WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
               (SELECT string_agg(CASE role WHEN 0 THEN 'PUBLIC'
                                  ELSE quote_ident(pg_get_userbyid(role)) END, ', ' ORDER BY place)
                FROM unnest(p.polroles) WITH ORDINALITY AS granted(role, place))),
           'USING (' || pg_get_expr(p.polqual, p.polrelid) || ')',
           'WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')') AS sql
FROM pg_policy p
JOIN pg_class c ON c.oid = p.polrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relnamespace = ANY ({bases}::oid[]) AND c.oid <> ALL ({aside}::oid[])
ORDER BY p.oid
