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
    ('types', EXISTS (SELECT FROM pg_type WHERE typnamespace = ANY ({bases}::oid[])
                      -- Those of tables, and arrays, come by themselves.
                      AND typtype <> 'c' AND typcategory <> 'A')
              OR EXISTS (SELECT FROM pg_class WHERE relnamespace = ANY ({bases}::oid[])
                         AND relkind = 'c')),
    ('statistics', EXISTS (SELECT FROM pg_statistic_ext WHERE stxnamespace = ANY ({bases}::oid[]))),
    ('tables', EXISTS (SELECT FROM pg_class WHERE relnamespace = ANY ({bases}::oid[])
                       AND relkind IN ('r', 'p') AND oid <> ALL ({aside}::oid[]))),
    ('views', EXISTS (SELECT FROM pg_class WHERE relnamespace = ANY ({bases}::oid[])
                      AND relkind IN ('v', 'm') AND oid <> ALL ({aside}::oid[]))),
    ('sequences', EXISTS (SELECT FROM pg_class WHERE relnamespace = ANY ({bases}::oid[])
                          AND relkind = 'S'))
) AS found(kind, is_there)
WHERE is_there
