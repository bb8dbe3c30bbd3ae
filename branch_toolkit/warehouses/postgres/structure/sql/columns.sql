-- A column that is inherited within the clones is not declared by its table again.
WITH inherited AS (
    SELECT i.inhrelid AS attrelid, up.attname, bool_or(up.attgenerated <> '') AS generated,
           NOT bool_or(k.convalidated) AS not_null_unproven
    FROM pg_inherits i
    JOIN pg_class parent ON parent.oid = i.inhparent
    JOIN pg_attribute up ON up.attrelid = parent.oid AND up.attnum > 0 AND NOT up.attisdropped
    LEFT JOIN pg_constraint k ON k.conrelid = parent.oid AND k.contype = 'n'
                             AND k.conkey = ARRAY[up.attnum]
    WHERE parent.relkind IN ('r', 'p') AND parent.relnamespace = ANY ({bases}::oid[])
      AND parent.oid <> ALL ({aside}::oid[])
    GROUP BY i.inhrelid, up.attname
)
SELECT a.attrelid::bigint AS table, a.attname AS name,
       'pg_attrdef'::regclass::oid::bigint AS default_classid, d.oid::bigint AS default_objid,
       concat_ws(' ', quote_ident(a.attname), format_type(a.atttypid, a.atttypmod),
           CASE WHEN a.attcollation <> t.typcollation
                THEN format('COLLATE %s', a.attcollation::regcollation) END,
           -- Up to Postgres 15 a child must not repeat the expression that it inherits.
           CASE WHEN a.attgenerated <> ''
                 AND (up.generated IS NOT TRUE OR c.relispartition
                      OR current_setting('server_version_num')::integer >= 160000)
                THEN format('GENERATED ALWAYS AS (%s) %s', pg_get_expr(d.adbin, d.adrelid),
                            CASE a.attgenerated WHEN 's' THEN 'STORED' ELSE 'VIRTUAL' END) END,
           CASE WHEN s.seqrelid IS NOT NULL
                THEN format('GENERATED %s AS IDENTITY (SEQUENCE NAME %s START WITH %s INCREMENT BY'
                            ' %s MINVALUE %s MAXVALUE %s CACHE %s%s)',
                            CASE a.attidentity WHEN 'a' THEN 'ALWAYS' ELSE 'BY DEFAULT' END,
                            s.seqrelid::regclass, s.seqstart, s.seqincrement, s.seqmin, s.seqmax,
                            s.seqcache, CASE WHEN s.seqcycle THEN ' CYCLE' ELSE '' END) END,
           CASE WHEN NOT a.attnotnull OR NOT coalesce(k.convalidated, true) THEN NULL
                WHEN k.oid IS NULL THEN 'NOT NULL'
                WHEN k.conislocal OR c.relispartition OR up.not_null_unproven
                THEN format('CONSTRAINT %I NOT NULL%s', k.conname,
                            CASE WHEN k.connoinherit THEN ' NO INHERIT' ELSE '' END)
           END) AS definition,
       a.attislocal OR c.relispartition OR up.attrelid IS NULL AS declared,
       -- A default names no column; with the table, all its columns would be looked at for each one.
       CASE WHEN a.attgenerated = '' AND d.oid IS NOT NULL
            THEN pg_get_expr(d.adbin, 0) END AS default_sql,
       quote_ident(a.attname) AS quoted,
       CASE WHEN (k.conislocal OR up.not_null_unproven) AND k.convalidated
            THEN format('CONSTRAINT %I NOT NULL %I%s', k.conname, a.attname,
                        CASE WHEN k.connoinherit THEN ' NO INHERIT' ELSE '' END) END AS not_null_sql,
       a.attnotnull AND k.oid IS NULL AS not_null_unnamed,
       a.attidentity <> '' OR a.attgenerated <> '' AS computed,
       array_remove(ARRAY[
           -- NULL from Postgres 17 on, -1 before it.
           CASE WHEN a.attstattarget >= 0 THEN format('SET STATISTICS %s', a.attstattarget) END,
           CASE WHEN a.attstorage <> t.typstorage AND a.attstorage <> 'p'
                THEN format('SET STORAGE %s', CASE a.attstorage
                            WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END) END,
           CASE a.attcompression WHEN 'p' THEN 'SET COMPRESSION pglz'
                                 WHEN 'l' THEN 'SET COMPRESSION lz4' END,
           CASE WHEN a.attoptions IS NOT NULL
                THEN format('SET (%s)', array_to_string(a.attoptions, ', ')) END
       ], NULL) AS settings
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN inherited up ON up.attrelid = a.attrelid AND up.attname = a.attname
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
LEFT JOIN pg_constraint k ON k.conrelid = a.attrelid AND k.contype = 'n'
                         AND k.conkey = ARRAY[a.attnum]
LEFT JOIN pg_depend own ON a.attidentity <> '' AND own.refclassid = 'pg_class'::regclass
                       AND own.refobjid = a.attrelid AND own.refobjsubid = a.attnum
                       AND own.classid = 'pg_class'::regclass AND own.deptype = 'i'
LEFT JOIN pg_sequence s ON s.seqrelid = own.objid
WHERE c.relkind IN ('r', 'p') AND c.relnamespace = ANY ({bases}::oid[])
  AND c.oid <> ALL ({aside}::oid[])
  AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum
