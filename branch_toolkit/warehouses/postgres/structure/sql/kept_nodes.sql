-- The objects that come with the shared types, and the collations that these and columns of some
-- relations have: they stay in base, and the clones use them there.
WITH member AS ({members})
SELECT m.classid::bigint AS classid, m.objid::bigint AS objid
FROM member m
WHERE m.maker_class = 'pg_type'::regclass AND m.maker = ANY ({shared}::oid[])
UNION
SELECT 'pg_constraint'::regclass::oid::bigint, k.oid::bigint
FROM pg_constraint k WHERE k.contypid <> 0 AND k.contypid = ANY ({shared}::oid[])
UNION
SELECT 'pg_collation'::regclass::oid::bigint, l.oid::bigint
FROM pg_collation l
WHERE l.collnamespace = ANY ({bases}::oid[]) AND l.oid IN (
    SELECT typcollation FROM pg_type WHERE oid = ANY ({shared}::oid[])
    UNION SELECT a.attcollation FROM pg_attribute a JOIN pg_type t ON t.typrelid = a.attrelid
          WHERE t.oid = ANY ({shared}::oid[])
    UNION SELECT attcollation FROM pg_attribute WHERE attrelid = ANY ({objids}::oid[]))
