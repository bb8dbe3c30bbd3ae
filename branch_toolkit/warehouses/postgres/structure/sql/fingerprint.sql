-- A value that changes whenever a definition of what is made changes: who wrote which catalog row last.
-- What VACUUM and ANALYZE note down about a table is written in place, and does not count.
SELECT format('%s/%s', count(*), coalesce(sum(hashtextextended(
           concat_ws('/', class, id, place, writer), 0)), 0)) AS value
FROM (
    SELECT 'relation' AS class, oid::bigint AS id, 0 AS place, xmin::text AS writer
    FROM pg_class WHERE oid = ANY ({made}::oid[])
    UNION ALL SELECT 'column', attrelid, attnum, xmin::text
              FROM pg_attribute WHERE attrelid = ANY ({made}::oid[]) AND attnum > 0
    UNION ALL SELECT 'default', oid, 0, xmin::text
              FROM pg_attrdef WHERE adrelid = ANY ({made}::oid[])
    UNION ALL SELECT 'index', i.indexrelid, 0, concat(i.xmin, '/', c.xmin)
              FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
              WHERE i.indrelid = ANY ({made}::oid[])
    UNION ALL SELECT 'constraint', oid, 0, xmin::text FROM pg_constraint
              WHERE conrelid = ANY ({made}::oid[])
                 OR contypid <> 0 AND connamespace = ANY ({bases}::oid[])
    UNION ALL SELECT 'trigger', oid, 0, xmin::text
              FROM pg_trigger WHERE tgrelid = ANY ({made}::oid[])
    UNION ALL SELECT 'rule', oid, 0, xmin::text
              FROM pg_rewrite WHERE ev_class = ANY ({made}::oid[])
    UNION ALL SELECT 'policy', oid, 0, xmin::text
              FROM pg_policy WHERE polrelid = ANY ({made}::oid[])
    UNION ALL SELECT 'inheritance', inhrelid, inhseqno, xmin::text
              FROM pg_inherits
              -- A partition that is attached takes rows out of the default one.
              WHERE inhrelid = ANY ({made}::oid[]) OR inhparent = ANY ({made}::oid[])
    UNION ALL SELECT 'statistics', oid, 0, xmin::text
              FROM pg_statistic_ext WHERE stxrelid = ANY ({made}::oid[])
    UNION ALL SELECT 'sequence', seqrelid, 0, xmin::text
              FROM pg_sequence WHERE seqrelid = ANY ({made}::oid[])
    UNION ALL SELECT 'schema', oid, 0, xmin::text
              FROM pg_namespace WHERE oid = ANY ({bases}::oid[])
    UNION ALL SELECT 'function', oid, 0, xmin::text
              FROM pg_proc WHERE pronamespace = ANY ({bases}::oid[])
    UNION ALL SELECT 'type', t.oid, 0, t.xmin::text
              FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid
              -- Without the types that come with tables, of which there may be new ones.
              WHERE t.typnamespace = ANY ({bases}::oid[])
                AND (t.typtype <> 'b' AND coalesce(c.relkind, 'c') = 'c'
                     OR t.typtype = 'b' AND t.typelem = 0)
    UNION ALL SELECT 'label', e.oid, 0, e.xmin::text
              FROM pg_enum e JOIN pg_type t ON t.oid = e.enumtypid
              WHERE t.typnamespace = ANY ({bases}::oid[])
    UNION ALL SELECT 'operator', oid, 0, xmin::text
              FROM pg_operator WHERE oprnamespace = ANY ({bases}::oid[])
    UNION ALL SELECT 'operator class', oid, 0, xmin::text
              FROM pg_opclass WHERE opcnamespace = ANY ({bases}::oid[])
    UNION ALL SELECT 'collation', oid, 0, xmin::text
              FROM pg_collation WHERE collnamespace = ANY ({bases}::oid[])
    UNION ALL SELECT 'text search configuration', oid, 0, xmin::text
              FROM pg_ts_config WHERE cfgnamespace = ANY ({bases}::oid[])
    UNION ALL SELECT 'text search dictionary', oid, 0, xmin::text
              FROM pg_ts_dict WHERE dictnamespace = ANY ({bases}::oid[])
) AS written
