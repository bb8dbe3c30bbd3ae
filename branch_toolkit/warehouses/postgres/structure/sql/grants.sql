-- Privileges, as the difference from those that an object has when it is made. Whoever makes the
-- clone owns it, so what base's owner has goes to that role.
WITH creator AS (
    SELECT oid FROM pg_roles WHERE rolname = current_user
), made(kind, acl) AS (
    -- What ALTER DEFAULT PRIVILEGES without a schema says in place of the usual.
    SELECT CASE d.defaclobjtype WHEN 'S' THEN 's' ELSE d.defaclobjtype END, d.defaclacl FROM pg_default_acl d JOIN creator ON creator.oid = d.defaclrole
    WHERE d.defaclnamespace = 0
), object(classid, objid, schema, object, target, columns, kind, owner, acl) AS (
    SELECT 'pg_class'::regclass, c.oid, n.nspname, format('privileges on %I', c.relname),
           format('%s %s', CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, c.oid::regclass),
           '', CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END, c.relowner, c.relacl
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S') AND c.relnamespace = ANY ({bases}::oid[])
    UNION ALL
    SELECT 'pg_class'::regclass, c.oid, n.nspname, format('privileges on %I', c.relname),
           format('TABLE %s', c.oid::regclass), format(' (%I)', a.attname), 'c', c.relowner, a.attacl
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE a.attacl IS NOT NULL AND NOT a.attisdropped AND c.relnamespace = ANY ({bases}::oid[])
    UNION ALL
    SELECT 'pg_proc'::regclass, p.oid, n.nspname, format('privileges on %I', p.proname),
           format('ROUTINE %s', p.oid::regprocedure), '', 'f', p.proowner, p.proacl
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE p.pronamespace = ANY ({bases}::oid[])
    UNION ALL
    SELECT 'pg_type'::regclass, t.oid, n.nspname, format('privileges on %I', t.typname),
           format('TYPE %s', t.oid::regtype), '', 'T', t.typowner, t.typacl
    FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
    LEFT JOIN pg_class c ON c.oid = t.typrelid
    LEFT JOIN pg_type element ON element.typarray = t.oid
    -- Array and row types have no privileges of their own.
    WHERE t.typnamespace = ANY ({bases}::oid[]) AND element.oid IS NULL AND t.typtype <> 'm'
      AND (c.oid IS NULL OR c.relkind = 'c')
), held AS (
    SELECT object.*, coalesce(object.acl, acldefault(object.kind::"char", object.owner)) AS actual,
           coalesce(made.acl, acldefault(object.kind::"char", creator.oid)) AS initial,
           creator.oid AS creator
    FROM object CROSS JOIN creator LEFT JOIN made ON made.kind = object.kind::"char"
    WHERE object.acl IS NOT NULL OR made.acl IS NOT NULL
), granted AS (
    SELECT classid, objid, columns, a.grantee = owner AS own,
           CASE WHEN a.grantee <> owner THEN a.grantee END AS grantee, a.privilege_type,
           a.is_grantable, a.place
    FROM held, aclexplode(actual) WITH ORDINALITY
        AS a(grantor, grantee, privilege_type, is_grantable, place)
), usual AS (
    SELECT classid, objid, columns, a.grantee = creator AS own,
           CASE WHEN a.grantee <> creator THEN a.grantee END AS grantee, a.privilege_type,
           a.is_grantable, a.place
    FROM held, aclexplode(initial) WITH ORDINALITY
        AS a(grantor, grantee, privilege_type, is_grantable, place)
), difference AS (
    SELECT 'REVOKE' AS verb, u.* FROM usual u
    WHERE NOT EXISTS (SELECT FROM granted g WHERE (g.classid, g.objid, g.columns, g.own,
                          coalesce(g.grantee, 0), g.privilege_type, g.is_grantable)
                      = (u.classid, u.objid, u.columns, u.own,
                          coalesce(u.grantee, 0), u.privilege_type, u.is_grantable))
    UNION ALL
    SELECT 'GRANT', g.* FROM granted g
    WHERE NOT EXISTS (SELECT FROM usual u WHERE (u.classid, u.objid, u.columns, u.own,
                          coalesce(u.grantee, 0), u.privilege_type, u.is_grantable)
                      = (g.classid, g.objid, g.columns, g.own,
                          coalesce(g.grantee, 0), g.privilege_type, g.is_grantable))
)
SELECT d.classid::oid::bigint AS classid, d.objid::bigint AS objid, h.schema, h.object,
       format('%s %s ON %s %s %s%s', d.verb,
              string_agg(d.privilege_type || h.columns, ', ' ORDER BY d.privilege_type), h.target,
              CASE d.verb WHEN 'GRANT' THEN 'TO' ELSE 'FROM' END,
              CASE WHEN d.own THEN 'CURRENT_USER' WHEN d.grantee = 0 THEN 'PUBLIC'
                   ELSE quote_ident(r.rolname) END,
              CASE WHEN d.is_grantable AND d.verb = 'GRANT' THEN ' WITH GRANT OPTION' ELSE '' END
             ) AS sql
FROM difference d
JOIN held h USING (classid, objid, columns)
LEFT JOIN pg_roles r ON r.oid = d.grantee
-- Those of a role that is no more cannot be granted to anyone.
WHERE d.own OR d.grantee = 0 OR r.oid IS NOT NULL
GROUP BY d.classid, d.objid, h.schema, h.object, h.target, d.verb, d.own, d.grantee, r.rolname,
         d.is_grantable, d.columns
-- In the order in which they were given, which is that of the list that Postgres keeps.
ORDER BY d.classid, d.objid, d.columns, d.verb DESC, min(d.place), d.is_grantable
