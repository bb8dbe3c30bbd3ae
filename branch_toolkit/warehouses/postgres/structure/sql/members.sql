-- Every object of the base schemas, each with the object whose statement makes it: an array type
-- comes with its element, a row type with its table, an identity's sequence with its column. Those
-- that Postgres makes by itself for partitions and foreign keys have none (NULL). What belongs to a
-- relation that is set aside is left out, the relation itself is not.
SELECT classid, objid, namespace, maker_class, maker FROM (
SELECT 'pg_class'::regclass::oid AS classid, c.oid AS objid, c.relnamespace AS namespace,
       CASE WHEN c.relkind = 'c' THEN 'pg_type'::regclass::oid
            WHEN k.oid IS NOT NULL THEN 'pg_constraint'::regclass::oid
            ELSE 'pg_class'::regclass::oid END AS maker_class,
       CASE WHEN c.relkind = 'c' THEN c.reltype ELSE coalesce(k.oid, i.refobjid, c.oid) END AS maker,
       coalesce(x.indrelid, i.refobjid) AS relation
FROM pg_class c
LEFT JOIN pg_index x ON x.indexrelid = c.oid
LEFT JOIN pg_constraint k ON k.conindid = c.oid AND k.contype IN ('p', 'u', 'x')
LEFT JOIN pg_depend i ON c.relkind = 'S' AND i.classid = 'pg_class'::regclass AND i.objid = c.oid
                     AND i.refclassid = 'pg_class'::regclass AND i.deptype = 'i'
WHERE c.relnamespace = ANY ({bases}::oid[])
UNION ALL
SELECT 'pg_type'::regclass, t.oid, t.typnamespace,
       CASE WHEN root.typrelid <> 0 AND rel.relkind <> 'c' THEN 'pg_class'::regclass
            ELSE 'pg_type'::regclass END,
       CASE WHEN root.typrelid <> 0 AND rel.relkind <> 'c' THEN root.typrelid ELSE root.oid END,
       NULL
FROM pg_type t
LEFT JOIN pg_type element ON element.oid = t.typelem AND element.typarray = t.oid
LEFT JOIN pg_range multi ON multi.rngmultitypid = coalesce(element.oid, t.oid)
JOIN pg_type root ON root.oid = coalesce(multi.rngtypid, element.oid, t.oid)
LEFT JOIN pg_class rel ON rel.oid = root.typrelid
WHERE t.typnamespace = ANY ({bases}::oid[])
UNION ALL
SELECT 'pg_proc'::regclass, p.oid, p.pronamespace,
       CASE WHEN i.refobjid IS NULL THEN 'pg_proc'::regclass ELSE 'pg_type'::regclass END,
       coalesce(multi.rngtypid, i.refobjid, p.oid),
       NULL
FROM pg_proc p
LEFT JOIN pg_depend i ON i.classid = 'pg_proc'::regclass AND i.objid = p.oid
                     AND i.refclassid = 'pg_type'::regclass AND i.deptype = 'i'
LEFT JOIN pg_range multi ON multi.rngmultitypid = i.refobjid
WHERE p.pronamespace = ANY ({bases}::oid[])
UNION ALL
SELECT 'pg_constraint'::regclass, k.oid, k.connamespace,
       CASE WHEN k.contype = 'n' AND k.conrelid <> 0 THEN 'pg_class'::regclass
            WHEN k.contype = 'n' THEN 'pg_type'::regclass
            ELSE 'pg_constraint'::regclass END,
       CASE WHEN k.contype = 'n' AND k.conrelid <> 0 THEN k.conrelid
            WHEN k.contype = 'n' THEN k.contypid
            WHEN k.contype = 't' OR k.contype = 'f' AND k.conparentid <> 0 THEN NULL
            ELSE k.oid END,
       nullif(k.conrelid, 0)
FROM pg_constraint k
WHERE k.connamespace = ANY ({bases}::oid[])
UNION ALL
SELECT 'pg_rewrite'::regclass, r.oid, c.relnamespace,
       CASE WHEN r.rulename = '_RETURN' AND c.relkind = 'm' THEN 'pg_class'::regclass
            ELSE 'pg_rewrite'::regclass END,
       CASE WHEN r.rulename = '_RETURN' AND c.relkind = 'm' THEN r.ev_class ELSE r.oid END,
       r.ev_class
FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class
WHERE c.relnamespace = ANY ({bases}::oid[])
UNION ALL
SELECT 'pg_attrdef'::regclass, d.oid, c.relnamespace,
       CASE a.attgenerated WHEN '' THEN 'pg_attrdef'::regclass ELSE 'pg_class'::regclass END,
       CASE a.attgenerated WHEN '' THEN d.oid ELSE d.adrelid END,
       d.adrelid
FROM pg_attrdef d
JOIN pg_class c ON c.oid = d.adrelid
JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
WHERE c.relnamespace = ANY ({bases}::oid[])
UNION ALL
SELECT 'pg_trigger'::regclass, t.oid, c.relnamespace, 'pg_trigger'::regclass,
       CASE WHEN NOT t.tgisinternal AND t.tgparentid = 0 THEN t.oid END,
       t.tgrelid
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE c.relnamespace = ANY ({bases}::oid[])
UNION ALL
SELECT 'pg_policy'::regclass, p.oid, c.relnamespace, 'pg_policy'::regclass, p.oid,
       p.polrelid
FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
WHERE c.relnamespace = ANY ({bases}::oid[])
UNION ALL
-- What an operator family consists of comes with the family, or with an operator class in it.
SELECT element.classid, element.objid, coalesce(c.opcnamespace, f.opfnamespace),
       CASE WHEN c.oid IS NULL THEN 'pg_opfamily'::regclass ELSE 'pg_opclass'::regclass END,
       coalesce(c.oid, f.oid), NULL
FROM (SELECT 'pg_amop'::regclass::oid, oid, amopfamily FROM pg_amop
      UNION ALL SELECT 'pg_amproc'::regclass, oid, amprocfamily FROM pg_amproc
     ) AS element(classid, objid, family)
JOIN pg_opfamily f ON f.oid = element.family
LEFT JOIN pg_depend d ON d.classid = element.classid AND d.objid = element.objid
                     AND d.refclassid = 'pg_opclass'::regclass
LEFT JOIN pg_opclass c ON c.oid = d.refobjid
WHERE coalesce(c.opcnamespace, f.opfnamespace) = ANY ({bases}::oid[])
UNION ALL
SELECT 'pg_cast'::regclass, c.oid, min(t.typnamespace), 'pg_cast'::regclass, c.oid, NULL
FROM pg_cast c
JOIN pg_type t ON t.oid IN (c.castsource, c.casttarget)
WHERE t.typnamespace = ANY ({bases}::oid[])
  AND NOT EXISTS (SELECT FROM pg_depend i WHERE i.classid = 'pg_cast'::regclass
                  AND i.objid = c.oid AND i.deptype = 'i')
GROUP BY c.oid
UNION ALL
SELECT catalog::regclass, oid, namespace, catalog::regclass, oid, relation
FROM (SELECT 'pg_operator', oid, oprnamespace, NULL::oid FROM pg_operator
      UNION ALL SELECT 'pg_collation', oid, collnamespace, NULL FROM pg_collation
      UNION ALL SELECT 'pg_conversion', oid, connamespace, NULL FROM pg_conversion
      UNION ALL SELECT 'pg_opclass', oid, opcnamespace, NULL FROM pg_opclass
      UNION ALL SELECT 'pg_opfamily', oid, opfnamespace, NULL FROM pg_opfamily
      UNION ALL SELECT 'pg_statistic_ext', oid, stxnamespace, stxrelid FROM pg_statistic_ext
      UNION ALL SELECT 'pg_ts_config', oid, cfgnamespace, NULL FROM pg_ts_config
      UNION ALL SELECT 'pg_ts_dict', oid, dictnamespace, NULL FROM pg_ts_dict
      UNION ALL SELECT 'pg_ts_parser', oid, prsnamespace, NULL FROM pg_ts_parser
      UNION ALL SELECT 'pg_ts_template', oid, tmplnamespace, NULL FROM pg_ts_template
     ) AS placed(catalog, oid, namespace, relation)
WHERE namespace = ANY ({bases}::oid[])
) AS member WHERE relation IS NULL OR relation <> ALL ({aside}::oid[])
