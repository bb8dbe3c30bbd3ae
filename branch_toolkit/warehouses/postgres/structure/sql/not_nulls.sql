-- From Postgres 18 on, NOT NULL may be not validated; it is then added after the rows.
SELECT 'pg_class'::regclass::oid::bigint AS classid, c.oid::bigint AS objid, n.nspname AS schema,
       format('constraint %I of table %I', k.conname, c.relname) AS object, k.conname AS name,
       format('ALTER TABLE %s ADD CONSTRAINT %I %s', c.oid::regclass, k.conname,
              pg_get_constraintdef(k.oid)) AS sql
FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE k.contype = 'n' AND NOT k.convalidated AND k.conislocal
  AND c.relnamespace = ANY ({bases}::oid[]) AND c.oid <> ALL ({aside}::oid[])
ORDER BY c.oid, k.oid
