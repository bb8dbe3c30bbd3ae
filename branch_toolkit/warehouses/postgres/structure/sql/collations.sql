-- Columns that came with a later version are read as JSON, so that the query suits all versions.
SELECT 'pg_collation'::regclass::oid::bigint AS classid, c.oid::bigint AS objid,
       n.nspname AS schema, format('collation %I', c.collname) AS object,
       format('CREATE COLLATION %s (%s)', c.oid::regcollation, concat_ws(', ',
           format('PROVIDER = %s',
                  CASE c.collprovider WHEN 'c' THEN 'libc' WHEN 'i' THEN 'icu' ELSE 'builtin' END),
           CASE WHEN c.collprovider = 'c'
                THEN format('LC_COLLATE = %L, LC_CTYPE = %L', c.collcollate, c.collctype)
                ELSE format('LOCALE = %L', coalesce(later.columns ->> 'colllocale',
                                                    later.columns ->> 'colliculocale',
                                                    c.collcollate)) END,
           CASE WHEN NOT c.collisdeterministic THEN 'DETERMINISTIC = false' END,
           'RULES = ' || quote_literal(later.columns ->> 'collicurules'))) AS sql
FROM pg_collation c
JOIN pg_namespace n ON n.oid = c.collnamespace
CROSS JOIN LATERAL (SELECT to_jsonb(c)) AS later(columns)
WHERE c.collnamespace = ANY ({bases}::oid[])
ORDER BY c.oid
