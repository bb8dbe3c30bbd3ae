-- Objects for which there is no statement, and why.
WITH member AS ({members})
SELECT m.maker_class::bigint AS classid, m.maker::bigint AS objid, min(n.nspname::text) AS schema,
       pg_describe_object(m.maker_class, m.maker, 0) AS object,
       CASE
           WHEN c.relkind = 'f' THEN 'A foreign table would reach the same remote data as base''s.'
           WHEN i.indexrelid IS NOT NULL THEN 'The index is invalid in base: it was never finished.'
           WHEN k.contype = 'f' THEN format('It references %s, which is not cloned, and a clone may'
                                            ' not bind base by a foreign key.', k.confrelid::regclass)
           WHEN m.maker_class IN ('pg_type'::regclass, 'pg_operator'::regclass)
               THEN 'It is only declared, or needs functions in C.'
           ELSE 'Objects of this kind are not cloned.' END AS reason
FROM member m
JOIN pg_namespace n ON n.oid = m.namespace
LEFT JOIN pg_class c ON m.maker_class = 'pg_class'::regclass AND c.oid = m.maker
LEFT JOIN pg_index i ON m.maker_class = 'pg_class'::regclass AND i.indexrelid = m.maker
LEFT JOIN pg_constraint k ON m.maker_class = 'pg_constraint'::regclass AND k.oid = m.maker
WHERE m.maker IS NOT NULL AND (m.maker_class, m.maker) IN (
    SELECT * FROM unnest({classids}::oid[], {objids}::oid[]))
GROUP BY m.maker_class, m.maker, c.relkind, i.indexrelid, k.contype, k.confrelid
ORDER BY 1, 2
