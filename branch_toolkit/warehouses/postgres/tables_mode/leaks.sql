-- What in tables of ours depends on an object of base, and on which. Types are no matter: without
-- them there would be no column.
WITH parts AS (
    SELECT 'pg_class'::regclass AS classid, t.oid AS objid FROM unnest(%(tables)s::oid[]) t(oid)
    UNION ALL
    SELECT 'pg_attrdef'::regclass, oid FROM pg_attrdef WHERE adrelid = ANY (%(tables)s)
    UNION ALL
    SELECT 'pg_constraint'::regclass, oid FROM pg_constraint WHERE conrelid = ANY (%(tables)s)
    UNION ALL
    SELECT 'pg_class'::regclass, indexrelid FROM pg_index WHERE indrelid = ANY (%(tables)s)
    UNION ALL
    SELECT 'pg_trigger'::regclass, oid FROM pg_trigger WHERE tgrelid = ANY (%(tables)s)
)
SELECT DISTINCT pg_describe_object(p.classid, p.objid, 0),
       pg_describe_object(d.refclassid, d.refobjid, 0)
FROM parts p
JOIN pg_depend d ON d.classid = p.classid AND d.objid = p.objid
WHERE d.refobjid::bigint >= 16384 AND d.refclassid NOT IN ('pg_type'::regclass, 'pg_collation'::regclass)
  AND (pg_identify_object(d.refclassid, d.refobjid, 0)).schema
      IN (SELECT quote_ident(name) FROM unnest(%(bases)s::text[]) b(name))
ORDER BY 1, 2
