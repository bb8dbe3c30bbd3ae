-- Deferred tables whose base is not what it was when they were made: gone, or with other columns.
WITH deferred AS (
    SELECT n.nspname AS clone, given.base, v.relname AS name, t.typrelid AS row
    FROM unnest(%(clones)s::text[], %(bases)s::text[]) AS given(clone, base)
    JOIN pg_namespace n ON n.nspname = given.clone
    JOIN pg_proc p ON p.pronamespace = n.oid AND p.proname LIKE '\_deferred\_%%' AND p.proretset
    JOIN pg_type t ON t.oid = p.prorettype AND t.typname = p.proname AND t.typnamespace = n.oid
    JOIN pg_depend d ON d.refclassid = 'pg_proc'::regclass AND d.refobjid = p.oid
                    AND d.classid = 'pg_rewrite'::regclass
    JOIN pg_rewrite r ON r.oid = d.objid
    JOIN pg_class v ON v.oid = r.ev_class AND v.relkind = 'v' AND v.relnamespace = n.oid
), compared AS (
    SELECT deferred.*, c.oid AS source,
           (SELECT coalesce(array_agg(a.attname::text ORDER BY a.attnum), '{}')
            FROM pg_attribute a
            WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
              AND NOT EXISTS (SELECT FROM pg_attribute own WHERE own.attrelid = deferred.row
                              AND own.attname = a.attname AND NOT own.attisdropped)) AS added,
           (SELECT coalesce(array_agg(own.attname::text ORDER BY own.attnum), '{}')
            FROM pg_attribute own
            LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = own.attname
                                    AND a.attnum > 0 AND NOT a.attisdropped
            WHERE own.attrelid = deferred.row AND own.attnum > 0 AND NOT own.attisdropped
              AND (a.attname IS NULL OR (a.atttypid, a.atttypmod, a.attcollation)
                   IS DISTINCT FROM (own.atttypid, own.atttypmod, own.attcollation))) AS changed
    FROM deferred
    JOIN pg_namespace b ON b.nspname = deferred.base
    LEFT JOIN pg_class c ON c.relnamespace = b.oid AND c.relname = deferred.name
                        AND c.relkind IN ('r', 'p', 'f', 'm', 'v')
)
SELECT clone, base, name, source::bigint, added, changed
FROM compared
WHERE source IS NULL OR added <> '{}' OR changed <> '{}'
ORDER BY clone, name
