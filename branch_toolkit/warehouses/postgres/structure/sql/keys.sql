-- Primary keys, unique and exclusion constraints, with the indexes that bear them.
SELECT 'pg_constraint'::regclass::oid::bigint AS classid, k.oid::bigint AS objid,
       n.nspname AS schema, c.relname AS name,
       format('constraint %I of table %I', k.conname, c.relname) AS object,
       format('ALTER TABLE ONLY %s ADD CONSTRAINT %I %s%s%s', c.oid::regclass, k.conname,
              left(said.definition, length(said.definition) - length(said.timing)),
              CASE WHEN k.contype <> 'x' THEN
                  (SELECT format(' WITH (%s)', string_agg(
                       format('%s=%L', split_part(option, '=', 1),
                              substr(option, strpos(option, '=') + 1)), ', '))
                   FROM unnest(i.reloptions) AS option HAVING count(*) > 0) END,
              said.timing) AS sql
FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid
JOIN pg_class i ON i.oid = k.conindid
JOIN pg_namespace n ON n.oid = c.relnamespace
-- The index's options are not in the definition, and have to stand before this part of it.
CROSS JOIN LATERAL (
    SELECT pg_get_constraintdef(k.oid),
           CASE WHEN k.condeferrable THEN ' DEFERRABLE' ELSE '' END
           || CASE WHEN k.condeferred THEN ' INITIALLY DEFERRED' ELSE '' END
) AS said(definition, timing)
WHERE k.contype IN ('p', 'u', 'x') AND c.relnamespace = ANY ({bases}::oid[])
  AND c.oid <> ALL ({aside}::oid[])
ORDER BY k.oid
