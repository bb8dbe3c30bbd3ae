-- Objects that are no part of the given tables and depend on one of them: DROP … CASCADE would take
-- them along. What belongs to a table (indexes, defaults, keys, rules, its row type) is a part of it.
WITH RECURSIVE inside(classid, objid) AS (
    SELECT 'pg_class'::regclass::oid, unnest(%(tables)s::oid[])
    UNION
    SELECT d.classid, d.objid
    FROM pg_depend d JOIN inside i ON d.refclassid = i.classid AND d.refobjid = i.objid
    WHERE d.deptype IN ('a', 'i', 'P', 'S')
)
SELECT DISTINCT pg_describe_object(d.classid, d.objid, d.objsubid)
FROM pg_depend d
JOIN inside i ON d.refclassid = i.classid AND d.refobjid = i.objid
-- NOT IN is hashed, where NOT EXISTS would be looped over, as Postgres underrates a recursion.
WHERE (d.classid, d.objid) NOT IN (SELECT classid, objid FROM inside)
UNION
-- A partition or a publication that somebody made of a table goes with it, and is not ours either.
SELECT pg_describe_object(i.classid, i.objid, 0)
FROM inside i
LEFT JOIN pg_class c ON i.classid = 'pg_class'::regclass AND c.oid = i.objid
WHERE i.classid = 'pg_publication_rel'::regclass
   OR c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.oid = ANY (%(tables)s::oid[])
ORDER BY 1
