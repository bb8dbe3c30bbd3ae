-- Primary keys, unique and exclusion constraints, with the indexes that bear them.
SELECT 'pg_constraint'::regclass::oid::bigint AS classid, k.oid::bigint AS objid,
       n.nspname AS schema, format('constraint %I of table %I', k.conname, c.relname) AS object,
       format('ALTER TABLE ONLY %s ADD CONSTRAINT %I %s', c.oid::regclass, k.conname,
              pg_get_constraintdef(k.oid)) AS sql
FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE k.contype IN ('p', 'u', 'x') AND c.relnamespace = ANY ({bases}::oid[])
  AND c.oid <> ALL ({aside}::oid[])
ORDER BY k.oid
