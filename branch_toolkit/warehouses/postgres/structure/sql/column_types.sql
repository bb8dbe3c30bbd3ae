-- The types that the columns of relations set aside consist of, as far as they are base's own: arrays
-- by their elements, domains by what they are over, ranges and composites by what is in them.
WITH RECURSIVE part(relation, type) AS (
    SELECT a.attrelid, a.atttypid FROM pg_attribute a
    WHERE a.attrelid = ANY ({aside}::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
    UNION
    SELECT part.relation, inner_type.oid
    FROM part
    JOIN pg_type t ON t.oid = part.type
    LEFT JOIN pg_range r ON r.rngtypid = t.oid OR r.rngmultitypid = t.oid
    LEFT JOIN pg_attribute a ON t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0
                            AND NOT a.attisdropped
    CROSS JOIN LATERAL unnest(ARRAY[t.typelem, t.typbasetype, r.rngtypid, r.rngsubtype, a.atttypid])
        AS inner_type(oid)
    WHERE inner_type.oid <> 0
)
SELECT DISTINCT part.relation::bigint AS relation, t.oid::bigint AS type,
       format('%I.%I', n.nspname, t.typname) AS label,
       t.typtype = 'c' AND c.relkind <> 'c' AS of_table
FROM part
JOIN pg_type t ON t.oid = part.type
JOIN pg_namespace n ON n.oid = t.typnamespace
LEFT JOIN pg_class c ON c.oid = t.typrelid
WHERE t.typnamespace = ANY ({bases}::oid[]) AND NOT (t.typelem <> 0 AND t.typlen = -1)
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_type'::regclass
                  AND e.objid = t.oid AND e.deptype = 'e')
ORDER BY 1, 2
