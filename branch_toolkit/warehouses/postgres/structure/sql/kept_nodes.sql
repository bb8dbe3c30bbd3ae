-- The objects that come with the shared types: they stay in base, and the clones use them there.
WITH member AS ({members})
SELECT m.classid::bigint AS classid, m.objid::bigint AS objid
FROM member m
WHERE m.maker_class = 'pg_type'::regclass AND m.maker = ANY ({shared}::oid[])
UNION
SELECT 'pg_constraint'::regclass::oid::bigint, k.oid::bigint
FROM pg_constraint k WHERE k.contypid <> 0 AND k.contypid = ANY ({shared}::oid[])
