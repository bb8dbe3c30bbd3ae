-- Types of base that the clones have none of under that name: they share base's.
SELECT t.oid::bigint AS id
FROM unnest({bases}::oid[], {clones}::text[]) AS pair(base, clone)
JOIN pg_type t ON t.typnamespace = pair.base
LEFT JOIN pg_class c ON c.oid = t.typrelid
WHERE (t.typtype IN ('e', 'd', 'r') OR t.typtype = 'c' AND c.relkind = 'c')
  AND NOT EXISTS (SELECT FROM pg_type own WHERE own.typnamespace = to_regnamespace(pair.clone)
                  AND own.typname = t.typname)
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_type'::regclass
                  AND e.objid = t.oid AND e.deptype = 'e')
ORDER BY 1
