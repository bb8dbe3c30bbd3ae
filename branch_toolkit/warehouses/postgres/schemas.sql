-- Schemas with their comments, sizes and row estimates, in one query.
SELECT n.nspname,
       d.description,
       -- A deferred table is counted by its row type.
       count(c.oid) FILTER (WHERE c.relkind IN ('r', 'p', 'c'))::int AS tables,
       -- NULL for a relation that was dropped meanwhile.
       coalesce(sum(pg_total_relation_size(c.oid)) FILTER (WHERE c.relkind IN ('r', 'm')), 0)::bigint,
       coalesce(sum(greatest(c.reltuples, 0)) FILTER (WHERE c.relkind = 'r'), 0)::bigint
FROM pg_namespace n
LEFT JOIN pg_description d
       ON d.objoid = n.oid AND d.classoid = 'pg_namespace'::regclass AND d.objsubid = 0
LEFT JOIN pg_class c ON c.relnamespace = n.oid
      AND (c.relkind IN ('r', 'p', 'm') OR c.relkind = 'c' AND c.relname LIKE '\_deferred\_%%')
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND (%(names)s::text[] IS NULL OR n.nspname = ANY (%(names)s))
  AND (NOT %(marked)s OR d.description LIKE '%%"branch_toolkit"%%')
GROUP BY n.nspname, d.description
ORDER BY n.nspname
