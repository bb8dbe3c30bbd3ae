-- What the current role lacks to clone the given schemas, as the GRANTs that an owner would run.
SELECT format('GRANT CREATE ON DATABASE %%I TO %%I', current_database(), current_user)
WHERE NOT has_database_privilege(current_database(), 'CREATE')
UNION ALL
SELECT format('GRANT USAGE ON SCHEMA %%I TO %%I', nspname, current_user)
FROM pg_namespace
WHERE nspname = ANY (%(schemas)s) AND NOT has_schema_privilege(oid, 'USAGE')
UNION ALL
SELECT DISTINCT format(
           'GRANT SELECT ON ALL %%s IN SCHEMA %%I TO %%I',
           CASE relkind WHEN 'S' THEN 'SEQUENCES' ELSE 'TABLES' END, nspname, current_user)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE nspname = ANY (%(schemas)s) AND relkind IN ('r', 'p', 'S', 'v', 'm')
  -- The two functions refuse relations of the other kind, and a CASE settles which is called.
  AND NOT CASE relkind WHEN 'S' THEN has_sequence_privilege(c.oid, 'SELECT')
                       ELSE has_table_privilege(c.oid, 'SELECT') END
