-- What the current role lacks for branches' tables in one schema, as what an owner would execute.
SELECT format('CREATE SCHEMA %%I', %(schema)s::text)
WHERE to_regnamespace(quote_ident(%(schema)s::text)) IS NULL
UNION ALL
SELECT format('GRANT USAGE, CREATE ON SCHEMA %%I TO %%I', %(schema)s::text, current_user)
-- A CASE settles that a right in a schema that is not there is not asked for.
WHERE CASE WHEN to_regnamespace(quote_ident(%(schema)s::text)) IS NULL THEN true
           ELSE NOT (has_schema_privilege(to_regnamespace(quote_ident(%(schema)s::text))::oid, 'USAGE')
                 AND has_schema_privilege(to_regnamespace(quote_ident(%(schema)s::text))::oid, 'CREATE'))
      END
UNION ALL
SELECT format('GRANT USAGE ON SCHEMA %%I TO %%I', nspname, current_user)
FROM pg_namespace
WHERE nspname = ANY (%(bases)s) AND NOT has_schema_privilege(oid, 'USAGE')
UNION ALL
SELECT DISTINCT format('GRANT SELECT ON ALL TABLES IN SCHEMA %%I TO %%I', nspname, current_user)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE nspname = ANY (%(bases)s) AND relkind IN ('r', 'p', 'v', 'm')
  AND NOT has_table_privilege(c.oid, 'SELECT')
