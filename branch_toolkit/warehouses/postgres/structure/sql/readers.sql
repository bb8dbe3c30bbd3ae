-- The views that read some relations, directly or through other views.
WITH RECURSIVE reader(id) AS (
    SELECT unnest({objids}::oid[])
    UNION
    SELECT r.ev_class
    FROM reader
    JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = reader.id
                    AND d.classid = 'pg_rewrite'::regclass
    JOIN pg_rewrite r ON r.oid = d.objid AND r.rulename = '_RETURN'
)
SELECT reader.id::bigint AS id FROM reader ORDER BY 1
