SELECT 'pg_constraint'::regclass::oid::bigint AS classid, k.oid::bigint AS objid,
       n.nspname AS schema, format('constraint %I of table %I', k.conname, c.relname) AS object,
       c.oid::bigint AS table, k.convalidated AS valid,
       k.connoinherit AS no_inherit,
       format('CONSTRAINT %I %s', k.conname, pg_get_constraintdef(k.oid)) AS definition,
       k.conislocal OR c.relispartition OR NOT EXISTS (
           SELECT FROM pg_inherits i JOIN pg_class parent ON parent.oid = i.inhparent
           WHERE i.inhrelid = c.oid AND parent.relnamespace = ANY ({bases}::oid[])
             AND parent.oid <> ALL ({aside}::oid[])) AS declared
FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE k.contype = 'c' AND c.relnamespace = ANY ({bases}::oid[])
  AND c.oid <> ALL ({aside}::oid[]) AND c.relkind IN ('r', 'p')
ORDER BY k.oid
