-- The keys and indexes of a base table, keys first; each as what makes it again on another table:
-- a constraint's definition, or what follows the table's name in CREATE INDEX.
WITH indexes AS (
    SELECT i.indexrelid, i.indisunique, c.relname, k.oid AS key, k.conname,
           pg_get_constraintdef(k.oid) AS definition,
           format('CREATE %%sINDEX %%I ON ', CASE WHEN i.indisunique THEN 'UNIQUE ' ELSE '' END,
                  c.relname) AS head,
           pg_get_indexdef(i.indexrelid) AS text,
           format('%%I.%%I ', n.nspname, t.relname) AS name
    FROM pg_index i
    JOIN pg_class t ON t.oid = i.indrelid
    JOIN pg_namespace n ON n.oid = t.relnamespace
    JOIN pg_class c ON c.oid = i.indexrelid
    LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid AND k.conrelid = i.indrelid
                             AND k.contype IN ('p', 'u', 'x')
    WHERE i.indrelid = %(table)s AND i.indisvalid
)
SELECT x.relname, x.indisunique, x.key IS NOT NULL,
       CASE WHEN x.key IS NOT NULL THEN x.definition
            WHEN starts_with(x.text, x.head || 'ONLY ' || x.name)
                THEN substr(x.text, length(x.head || 'ONLY ' || x.name) + 1)
            WHEN starts_with(x.text, x.head || x.name)
                THEN substr(x.text, length(x.head || x.name) + 1)
       END,
       (SELECT string_agg(DISTINCT pg_describe_object(d.refclassid, d.refobjid, 0), ', ')
        FROM pg_depend d
        WHERE d.classid = 'pg_class'::regclass AND d.objid = x.indexrelid AND d.deptype = 'n'
          AND d.refobjid::bigint >= 16384
          AND d.refclassid NOT IN ('pg_type'::regclass, 'pg_collation'::regclass)
          AND NOT (d.refclassid = 'pg_class'::regclass AND d.refobjid = %(table)s)
          AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = d.refclassid
                          AND e.objid = d.refobjid AND e.deptype = 'e'))
FROM indexes x
ORDER BY x.key IS NULL, x.relname
