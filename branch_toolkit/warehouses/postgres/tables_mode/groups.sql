-- Tables of the branches' schema that are no members, with what their members take, if they are
-- anchors. A member's mark has its anchor's token, a slash and the base table's name as `base_state`.
WITH found AS (
    SELECT c.oid, c.relname, c.relkind, c.reltuples, d.description,
           CASE WHEN d.description LIKE '%%"branch_toolkit"%%'
                THEN split_part(split_part(d.description, '"base_state": "', 2), '"', 1) END AS state
    FROM pg_class c
    LEFT JOIN pg_description d
           ON d.objoid = c.oid AND d.classoid = 'pg_class'::regclass AND d.objsubid = 0
    WHERE c.relnamespace = to_regnamespace(quote_ident(%(schema)s::text))
      AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
),
marked AS (
    SELECT *, split_part(state, '/', 1) AS token, state LIKE '%%_/_%%' AS is_member FROM found
)
SELECT a.relname, a.description, count(m.oid)::int,
       coalesce(sum(pg_total_relation_size(m.oid)), 0)::bigint,
       coalesce(sum(greatest(m.reltuples, 0)), 0)::bigint
FROM marked a
LEFT JOIN marked m ON m.is_member AND m.relkind = 'r' AND m.token = a.token
WHERE a.is_member IS NOT TRUE
  AND (%(names)s::text[] IS NULL OR a.relname = ANY (%(names)s))
  AND (NOT %(only_marked)s OR a.relkind = 'r' AND a.description LIKE '%%"branch_toolkit"%%')
GROUP BY a.relname, a.description
ORDER BY a.relname
