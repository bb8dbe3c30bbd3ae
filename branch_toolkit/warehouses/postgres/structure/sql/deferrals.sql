-- What it takes to read relations set aside through a function: their columns with their types, and
-- a guard that is folded away as long as the types are these.
SELECT 'pg_class'::regclass::oid::bigint AS classid, c.oid::bigint AS objid, n.nspname AS schema,
       c.relname AS name, format('%I.%I', n.nspname, c.relname) AS source,
       array_agg(a.attname::text ORDER BY a.attnum) AS names,
       array_agg(concat_ws(' ', quote_ident(a.attname), format_type(a.atttypid, a.atttypmod),
                           CASE WHEN a.attcollation <> t.typcollation
                                THEN format('COLLATE %s', a.attcollation::regcollation) END)
                 ORDER BY a.attnum) AS attributes,
       string_agg('d.' || quote_ident(a.attname), ', ' ORDER BY a.attnum) AS columns,
       string_agg(CASE WHEN t.typarray <> 0 OR t.typcategory = 'A'
                       THEN format('ARRAY[d.%I] = NULL::%s', a.attname,
                                   format_type(coalesce(nullif(t.typarray, 0), t.oid), NULL)) END,
                  ' AND ' ORDER BY a.attnum) AS guard
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type t ON t.oid = a.atttypid
WHERE c.oid = ANY ({aside}::oid[])
GROUP BY c.oid, n.nspname, c.relname
ORDER BY c.oid
