-- Relations of base schemas, each with the topmost table that it is a partition or child of.
WITH RECURSIVE up(id, top) AS (
    SELECT c.oid, c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = ANY (%(schemas)s) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
      AND (%(names)s::text[] IS NULL OR c.relname = ANY (%(names)s))
    UNION
    SELECT up.id, i.inhparent FROM up JOIN pg_inherits i ON i.inhrelid = up.top
),
tops AS (
    SELECT DISTINCT ON (up.id) up.id, up.top FROM up
    WHERE NOT EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = up.top)
    ORDER BY up.id, up.top
)
SELECT c.oid::bigint, n.nspname, c.relname, c.relkind::text,
       p.oid::bigint, p.relname,
       greatest(c.reltuples, 0)::bigint,
       CASE WHEN c.relkind IN ('r', 'm') THEN pg_total_relation_size(c.oid) ELSE 0 END::bigint,
       ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0
             AND NOT a.attisdropped AND a.attgenerated = '' ORDER BY a.attnum)
FROM tops t
JOIN pg_class c ON c.oid = t.id
JOIN pg_namespace n ON n.oid = c.relnamespace
-- What is part of a table of another schema is taken for itself.
LEFT JOIN pg_class p ON p.oid = t.top AND p.oid <> c.oid AND p.relnamespace = c.relnamespace
ORDER BY n.nspname, c.relname
