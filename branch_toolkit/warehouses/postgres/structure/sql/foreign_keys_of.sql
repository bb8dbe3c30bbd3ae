-- Foreign keys from and to some tables, and whether the clones have them.
SELECT 'pg_constraint'::regclass::oid::bigint AS classid, k.oid::bigint AS objid, k.conname AS name,
       k.conrelid::bigint AS table, k.confrelid::bigint AS referenced,
       EXISTS (SELECT FROM pg_class own
               JOIN pg_constraint there ON there.conrelid = own.oid AND there.conname = k.conname
               WHERE own.relnamespace = to_regnamespace(pair.clone) AND own.relname = c.relname
              ) AS there
FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid
JOIN unnest({bases}::oid[], {clones}::text[]) AS pair(base, clone) ON pair.base = c.relnamespace
WHERE k.contype = 'f' AND k.conparentid = 0
  AND (k.conrelid = ANY ({objids}::oid[]) OR k.confrelid = ANY ({objids}::oid[]))
ORDER BY k.oid
