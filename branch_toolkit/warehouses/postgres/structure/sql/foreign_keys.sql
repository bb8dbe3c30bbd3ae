-- Foreign keys among the cloned tables; those of partitions come with their parent's.
SELECT 'pg_constraint'::regclass::oid::bigint AS classid, k.oid::bigint AS objid,
       n.nspname AS schema, c.relname AS name,
       format('foreign key %I of table %I', k.conname, c.relname) AS object,
       format('ALTER TABLE %s%s ADD CONSTRAINT %I %s',
              CASE c.relkind WHEN 'p' THEN '' ELSE 'ONLY ' END, c.oid::regclass, k.conname,
              pg_get_constraintdef(k.oid)) AS sql,
       -- On partitioned tables they can be NOT VALID from Postgres 18 on.
       CASE WHEN k.convalidated
             AND (c.relkind <> 'p' OR current_setting('server_version_num')::int >= 180000)
            THEN format('ALTER TABLE %s VALIDATE CONSTRAINT %I', c.oid::regclass, k.conname)
       END AS validation
FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid
JOIN pg_class f ON f.oid = k.confrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE k.contype = 'f' AND k.conparentid = 0 AND c.relnamespace = ANY ({bases}::oid[])
  AND c.oid <> ALL ({aside}::oid[])
  AND f.relnamespace = ANY ({bases}::oid[]) AND f.oid <> ALL ({aside}::oid[])
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass
                  AND e.objid = f.oid AND e.deptype = 'e')
ORDER BY k.oid
