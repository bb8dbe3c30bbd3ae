-- What to copy each table's rows into and from. Values of a type that is cloned as well pass through
-- text to become values of the clone.
WITH assigned AS (
    SELECT a.attrelid,
           string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) AS columns,
           string_agg(quote_ident(a.attname) || CASE WHEN own.cloned
               THEN '::pg_catalog.text::' || format_type(a.atttypid, a.atttypmod) ELSE '' END,
               ', ' ORDER BY a.attnum) AS values
    FROM pg_attribute a
    JOIN pg_class c ON c.oid = a.attrelid
    JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_type element ON element.typarray = t.oid
    CROSS JOIN LATERAL (
        SELECT t.typnamespace = ANY ({bases}::oid[])
           AND t.oid <> ALL ({shared}::oid[]) AND NOT EXISTS (
            SELECT FROM pg_depend e WHERE e.classid = 'pg_type'::regclass
            AND e.objid IN (t.oid, element.oid) AND e.deptype = 'e')) AS own(cloned)
    WHERE c.relkind = 'r' AND c.relnamespace = ANY ({bases}::oid[])
      AND c.oid <> ALL ({aside}::oid[])
      AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
    GROUP BY a.attrelid
)
SELECT 'pg_class'::regclass::oid::bigint AS classid, c.oid::bigint AS objid, n.nspname AS schema,
       c.relname AS name,
       c.oid::regclass::text AS clone, target.oid::regclass::text AS target, assigned.columns, assigned.values,
       format('%I.%I', n.nspname, c.relname) AS source
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN assigned ON assigned.attrelid = c.oid
-- An enum hashes by its oid, which is another in the clone: its rows find their partition anew.
CROSS JOIN LATERAL (
    SELECT CASE WHEN c.relispartition AND EXISTS (
        SELECT FROM pg_partition_ancestors(c.oid) AS ancestor
        JOIN pg_partitioned_table p ON p.partrelid = ancestor.relid AND p.partstrat = 'h'
        JOIN pg_opclass key ON key.oid = ANY (p.partclass)
        WHERE key.opcintype IN ('anyenum'::regtype, 'anyarray'::regtype, 'record'::regtype,
                                'anyrange'::regtype, 'anymultirange'::regtype))
    THEN pg_partition_root(c.oid) ELSE c.oid END) AS target(oid)
WHERE c.relkind = 'r' AND c.relnamespace = ANY ({bases}::oid[]) AND c.oid <> ALL ({aside}::oid[])
ORDER BY n.nspname, c.relname
