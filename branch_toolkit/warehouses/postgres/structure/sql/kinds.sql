-- Which kinds of objects there are to be made, so that nothing is asked about the others.
SELECT kind FROM (VALUES
    ('aggregates', EXISTS (SELECT FROM pg_proc WHERE pronamespace = ANY ({bases}::oid[])
                           AND prokind = 'a')),
    ('functions', EXISTS (SELECT FROM pg_proc WHERE pronamespace = ANY ({bases}::oid[])
                          AND prokind <> 'a')),
    ('operators', EXISTS (SELECT FROM pg_operator WHERE oprnamespace = ANY ({bases}::oid[]))),
    ('operator classes', EXISTS (SELECT FROM pg_opfamily
                                 WHERE opfnamespace = ANY ({bases}::oid[]))
                         OR EXISTS (SELECT FROM pg_opclass
                                    WHERE opcnamespace = ANY ({bases}::oid[]))),
    ('collations', EXISTS (SELECT FROM pg_collation WHERE collnamespace = ANY ({bases}::oid[]))),
    ('conversions', EXISTS (SELECT FROM pg_conversion WHERE connamespace = ANY ({bases}::oid[]))),
    ('text search', EXISTS (SELECT FROM pg_ts_config WHERE cfgnamespace = ANY ({bases}::oid[]))
                    OR EXISTS (SELECT FROM pg_ts_dict WHERE dictnamespace = ANY ({bases}::oid[]))
                    OR EXISTS (SELECT FROM pg_ts_parser WHERE prsnamespace = ANY ({bases}::oid[]))
                    OR EXISTS (SELECT FROM pg_ts_template
                               WHERE tmplnamespace = ANY ({bases}::oid[]))),
    ('types', EXISTS (SELECT FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid
                      WHERE t.typnamespace = ANY ({bases}::oid[])
                      AND (t.typtype <> 'b' AND coalesce(c.relkind, 'c') = 'c'
                           OR t.typtype = 'b' AND NOT EXISTS (
                               SELECT FROM pg_type e WHERE e.typarray = t.oid)))),
    ('statistics', EXISTS (SELECT FROM pg_statistic_ext WHERE stxnamespace = ANY ({bases}::oid[]))),
    ('tables', EXISTS (SELECT FROM pg_class WHERE relnamespace = ANY ({bases}::oid[])
                       AND relkind IN ('r', 'p') AND oid <> ALL ({aside}::oid[]))),
    ('views', EXISTS (SELECT FROM pg_class WHERE relnamespace = ANY ({bases}::oid[])
                      AND relkind IN ('v', 'm') AND oid <> ALL ({aside}::oid[]))),
    ('sequences', EXISTS (SELECT FROM pg_class WHERE relnamespace = ANY ({bases}::oid[])
                          AND relkind = 'S'))
) AS found(kind, is_there)
WHERE is_there
