SELECT 'pg_statistic_ext'::regclass::oid::bigint AS classid, s.oid::bigint AS objid,
       n.nspname AS schema, format('statistics %I', s.stxname) AS object,
       pg_get_statisticsobjdef(s.oid) AS sql,
       -- NULL from Postgres 17 on, -1 before it.
       CASE WHEN s.stxstattarget >= 0 THEN format('ALTER STATISTICS %s%I SET STATISTICS %s',
            CASE WHEN pg_statistics_obj_is_visible(s.oid) THEN ''
                 ELSE quote_ident(n.nspname) || '.' END, s.stxname, s.stxstattarget) END AS setting
FROM pg_statistic_ext s
JOIN pg_namespace n ON n.oid = s.stxnamespace
WHERE s.stxnamespace = ANY ({bases}::oid[])
ORDER BY s.oid
