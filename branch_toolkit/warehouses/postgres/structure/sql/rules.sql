SELECT 'pg_rewrite'::regclass::oid::bigint AS classid, r.oid::bigint AS objid, n.nspname AS schema,
       format('rule %I of %I', r.rulename, c.relname) AS object,
       rtrim(pg_get_ruledef(r.oid), ';') AS sql
FROM pg_rewrite r
JOIN pg_class c ON c.oid = r.ev_class
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE r.rulename <> '_RETURN' AND c.relnamespace = ANY ({bases}::oid[])
  AND c.oid <> ALL ({aside}::oid[])
ORDER BY r.oid
