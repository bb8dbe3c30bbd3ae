-- What the connecting role may do about roles. Up to Postgres 15, CREATEROLE is enough to grant any
-- role that is no superuser's; from 16 on it takes ADMIN OPTION.
SELECT current_user::text,
       me.rolsuper OR me.rolcreaterole,
       me.rolsuper OR me.rolbypassrls AND current_setting('server_version_num')::int >= 160000,
       reader.oid IS NOT NULL,
       reader.oid IS NOT NULL AND (
           me.rolsuper
           OR current_setting('server_version_num')::int < 160000 AND NOT reader.rolsuper
           OR pg_has_role(current_user, reader.oid, 'MEMBER WITH ADMIN OPTION'))
FROM pg_roles me
LEFT JOIN pg_roles reader ON reader.rolname = %(reader)s
WHERE me.rolname = current_user
