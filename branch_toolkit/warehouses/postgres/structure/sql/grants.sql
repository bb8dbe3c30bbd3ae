-- Privileges, as the difference from those that an object has when it is made. Whoever makes the
-- clone owns it, so what base's owner has goes to that role.
WITH held(classid, objid, schema, object, target, columns, owner, actual, initial) AS (
    SELECT 'pg_class'::regclass, c.oid, n.nspname, format('privileges on %I', c.relname),
           format('%s %s', CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, c.oid::regclass),
           '', c.relowner, c.relacl,
           acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relnamespace = ANY ({bases}::oid[])
    UNION ALL
    SELECT 'pg_class'::regclass, c.oid, n.nspname, format('privileges on %I', c.relname),
           format('TABLE %s', c.oid::regclass), format(' (%I)', a.attname), c.relowner, a.attacl,
           acldefault('c', c.relowner)
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE NOT a.attisdropped AND c.relnamespace = ANY ({bases}::oid[])
    UNION ALL
    SELECT 'pg_proc'::regclass, p.oid, n.nspname, format('privileges on %I', p.proname),
           format('ROUTINE %s', p.oid::regprocedure), '', p.proowner, p.proacl,
           acldefault('f', p.proowner)
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE p.pronamespace = ANY ({bases}::oid[])
    UNION ALL
    SELECT 'pg_type'::regclass, t.oid, n.nspname, format('privileges on %I', t.typname),
           format('TYPE %s', t.oid::regtype), '', t.typowner, t.typacl, acldefault('T', t.typowner)
    FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
    WHERE t.typnamespace = ANY ({bases}::oid[])
), granted AS (
    SELECT classid, objid, columns, grantee, privilege_type, is_grantable
    FROM held, aclexplode(actual)
), usual AS (
    SELECT classid, objid, columns, grantee, privilege_type, is_grantable
    FROM held, aclexplode(initial) WHERE actual IS NOT NULL
), difference AS (
    SELECT 'REVOKE' AS verb, * FROM (TABLE usual EXCEPT TABLE granted) AS missing
    UNION ALL
    SELECT 'GRANT', * FROM (TABLE granted EXCEPT TABLE usual) AS added
)
SELECT d.classid::oid::bigint AS classid, d.objid::bigint AS objid, h.schema, h.object,
       format('%s %s ON %s %s %s%s', d.verb,
              string_agg(d.privilege_type || h.columns, ', ' ORDER BY d.privilege_type), h.target,
              CASE d.verb WHEN 'GRANT' THEN 'TO' ELSE 'FROM' END,
              CASE d.grantee WHEN 0 THEN 'PUBLIC' WHEN h.owner THEN 'CURRENT_USER'
                             ELSE quote_ident(pg_get_userbyid(d.grantee)) END,
              CASE WHEN d.is_grantable AND d.verb = 'GRANT' THEN ' WITH GRANT OPTION' ELSE '' END
             ) AS sql
FROM difference d
JOIN held h USING (classid, objid, columns)
GROUP BY d.classid, d.objid, h.schema, h.object, h.target, h.owner, d.verb, d.grantee,
         d.is_grantable, d.columns
ORDER BY d.classid, d.objid, d.columns, d.verb DESC, d.grantee, d.is_grantable
