-- Privileges on the schemas themselves, and on what will be made in them.
WITH cloned AS (
    SELECT n.oid, n.nspname, n.nspowner, n.nspacl, given.clone, given.place
    FROM unnest({bases}::oid[], {clones}::text[]) WITH ORDINALITY AS given(base, clone, place)
    JOIN pg_namespace n ON n.oid = given.base
)
SELECT c.place, 0 AS kind, c.nspname AS schema, 'privileges on the schema' AS object,
       format('GRANT %s ON SCHEMA %s TO %s%s',
              string_agg(a.privilege_type, ', ' ORDER BY a.privilege_type), c.clone,
              CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(r.rolname) END,
              CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END) AS sql,
       min(a.place) AS given
FROM cloned c
CROSS JOIN aclexplode(c.nspacl) WITH ORDINALITY
    AS a(grantor, grantee, privilege_type, is_grantable, place)
LEFT JOIN pg_roles r ON r.oid = a.grantee
-- Those of a role that is no more cannot be granted to anyone.
WHERE a.grantee <> c.nspowner AND (a.grantee = 0 OR r.oid IS NOT NULL)
GROUP BY c.place, c.nspname, c.clone, a.grantee, r.rolname, a.is_grantable
UNION ALL
SELECT c.place, 1, c.nspname, 'default privileges',
       format('ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA %s GRANT %s ON %s TO %s%s',
              pg_get_userbyid(d.defaclrole), c.clone,
              string_agg(a.privilege_type, ', ' ORDER BY a.privilege_type),
              CASE d.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES'
                                   WHEN 'f' THEN 'FUNCTIONS' ELSE 'TYPES' END,
              CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(r.rolname) END,
              CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END),
       min(a.place)
FROM cloned c
JOIN pg_default_acl d ON d.defaclnamespace = c.oid
CROSS JOIN aclexplode(d.defaclacl) WITH ORDINALITY
    AS a(grantor, grantee, privilege_type, is_grantable, place)
LEFT JOIN pg_roles r ON r.oid = a.grantee
-- Only a member of the role may say what the role's objects are granted.
WHERE pg_has_role(d.defaclrole, 'MEMBER') AND (a.grantee = 0 OR r.oid IS NOT NULL)
GROUP BY c.place, c.nspname, c.clone, d.oid, d.defaclrole, d.defaclobjtype, a.grantee, r.rolname,
         a.is_grantable
ORDER BY 1, 2, 3, 6, 5
