-- Objects for which there is no statement, and why.
WITH member AS ({members})
SELECT m.maker_class::bigint AS classid, m.maker::bigint AS objid, min(n.nspname::text) AS schema,
       pg_describe_object(m.maker_class, m.maker, 0) AS object,
       CASE
           WHEN c.relkind = 'f' THEN 'A foreign table would reach the same remote data as base''s.'
           WHEN i.indexrelid IS NOT NULL THEN 'The index is invalid in base: it was never finished.'
           WHEN k.contype = 'f' THEN format('It references %s, which is not cloned, and a clone may'
                                            ' not bind base by a foreign key.', k.confrelid::regclass)
           WHEN m.maker_class = 'pg_proc'::regclass
               THEN 'Only a superuser can make it, as it is in a language that is not trusted, has'
                    ' a superuser''s privilege, or works on internal values.'
           WHEN m.maker_class = 'pg_operator'::regclass THEN 'It is only declared.'
           WHEN m.maker_class = 'pg_opclass'::regclass AND creator.rolsuper
               THEN 'It is the default for a type that is not cloned, or in a family that is not.'
           WHEN m.maker_class IN ('pg_type'::regclass, 'pg_cast'::regclass, 'pg_opclass'::regclass,
                                  'pg_opfamily'::regclass, 'pg_ts_parser'::regclass,
                                  'pg_ts_template'::regclass)
               THEN 'Only a superuser can make one.'
           ELSE 'It belongs to a table that is not cloned.' END AS reason
FROM member m
JOIN pg_namespace n ON n.oid = m.namespace
JOIN pg_roles creator ON creator.rolname = current_user
LEFT JOIN pg_class c ON m.maker_class = 'pg_class'::regclass AND c.oid = m.maker
LEFT JOIN pg_index i ON m.maker_class = 'pg_class'::regclass AND i.indexrelid = m.maker
LEFT JOIN pg_constraint k ON m.maker_class = 'pg_constraint'::regclass AND k.oid = m.maker
LEFT JOIN pg_rewrite r ON m.maker_class = 'pg_rewrite'::regclass AND r.oid = m.maker
-- A view's query is said with the view.
WHERE r.rulename IS DISTINCT FROM '_RETURN' AND m.maker IS NOT NULL AND (m.maker_class, m.maker) IN (
    SELECT * FROM unnest({classids}::oid[], {objids}::oid[]))
GROUP BY m.maker_class, m.maker, c.relkind, i.indexrelid, k.contype, k.confrelid, creator.rolsuper
ORDER BY 1, 2
