-- The relations that rules are about, with the topmost table that each is a part of.
WITH RECURSIVE link AS (
    SELECT i.inhrelid AS child, i.inhparent AS parent
    FROM pg_inherits i
    JOIN pg_class c ON c.oid = i.inhrelid AND c.relkind IN ('r', 'p', 'f')
    JOIN pg_class parent ON parent.oid = i.inhparent
    WHERE i.inhseqno = 1 AND c.relnamespace = ANY ({bases}::oid[])
      AND parent.relnamespace = ANY ({bases}::oid[])
), top(child, parent) AS (
    SELECT child, parent FROM link WHERE parent NOT IN (SELECT child FROM link)
    UNION ALL
    SELECT link.child, top.parent FROM top JOIN link ON link.parent = top.child
)
SELECT c.oid::bigint AS id, n.nspname AS schema, c.relname AS name, c.relkind::text AS kind,
       EXISTS (SELECT FROM pg_attribute a
               WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS has_columns,
       top.parent::bigint AS parent, nullif(c.reltuples, -1)::bigint AS rows,
       -- NULL for a table that was dropped meanwhile.
       coalesce(pg_total_relation_size(c.oid), 0)::bigint AS bytes
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN top ON top.child = c.oid
WHERE c.relkind IN ('r', 'p', 'f', 'm', 'v') AND c.relnamespace = ANY ({bases}::oid[])
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass
                  AND e.objid = c.oid AND e.deptype = 'e')
ORDER BY n.nspname, c.relname
