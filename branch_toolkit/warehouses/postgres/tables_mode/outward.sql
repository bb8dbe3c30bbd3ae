-- What in a new table would depend on production: defaults and checks that use an object outside of
-- the branches' schema. Types are no matter: without them there would be no column.
WITH own AS (
    SELECT 'pg_attrdef'::regclass AS classid, oid FROM pg_attrdef WHERE adrelid = %(table)s
    UNION ALL
    SELECT 'pg_constraint'::regclass, oid FROM pg_constraint WHERE conrelid = %(table)s
),
foreign_uses AS (
    SELECT d.classid, d.objid,
           string_agg(DISTINCT pg_describe_object(d.refclassid, d.refobjid, 0), ', ') AS used
    FROM own JOIN pg_depend d ON d.classid = own.classid AND d.objid = own.oid
    -- The cast keeps Postgres from looking it up by this, which is true of nearly all.
    WHERE d.deptype = 'n' AND d.refobjid::bigint >= 16384
      AND d.refclassid NOT IN ('pg_type'::regclass, 'pg_collation'::regclass)
      AND (pg_identify_object(d.refclassid, d.refobjid, 0)).schema
          IS DISTINCT FROM quote_ident(%(schema)s::text)
      -- Not NOT EXISTS, which would be a join with the whole of pg_depend.
      AND (SELECT count(*) FROM pg_depend e
           WHERE e.classid = d.refclassid AND e.objid = d.refobjid AND e.deptype = 'e') = 0
    GROUP BY d.classid, d.objid
)
SELECT CASE WHEN a.attgenerated <> '' THEN 'generated'
            WHEN pg_get_expr(ad.adbin, ad.adrelid) ~ '\ynextval\(' AND a.attnotnull
                 AND a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype) THEN 'serial'
            ELSE 'default' END,
       a.attname, coalesce(u.used, 'a sequence')
FROM pg_attrdef ad
JOIN pg_attribute a ON a.attrelid = ad.adrelid AND a.attnum = ad.adnum
LEFT JOIN foreign_uses u ON u.classid = 'pg_attrdef'::regclass AND u.objid = ad.oid
WHERE ad.adrelid = %(table)s
  AND (u.objid IS NOT NULL OR pg_get_expr(ad.adbin, ad.adrelid) ~ '\y(nextval|setval)\(')
UNION ALL
SELECT 'domain', a.attname, 'a sequence, through the domain ' || format_type(a.atttypid, NULL) || ','
FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid AND t.typtype = 'd'
WHERE a.attrelid = %(table)s AND a.attnum > 0 AND NOT a.attisdropped AND NOT a.atthasdef
  AND t.typdefault ~ '\y(nextval|setval)\('
UNION ALL
SELECT 'check', c.conname, u.used
FROM pg_constraint c
JOIN foreign_uses u ON u.classid = 'pg_constraint'::regclass AND u.objid = c.oid
WHERE c.conrelid = %(table)s AND c.contype = 'c'
ORDER BY 1, 2
