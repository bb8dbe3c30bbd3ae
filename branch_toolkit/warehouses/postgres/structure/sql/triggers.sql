SELECT 'pg_trigger'::regclass::oid::bigint AS classid, t.oid::bigint AS objid, n.nspname AS schema,
       format('trigger %I of %I', t.tgname, c.relname) AS object, pg_get_triggerdef(t.oid) AS sql
FROM pg_trigger t
JOIN pg_class c ON c.oid = t.tgrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE NOT t.tgisinternal AND t.tgparentid = 0 AND c.relnamespace = ANY ({bases}::oid[])
  AND c.oid <> ALL ({aside}::oid[])
ORDER BY t.oid
