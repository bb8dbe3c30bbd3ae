-- What is around the base schemas and does not come along.
SELECT n.nspname AS schema, format('extension %I', e.extname) AS object,
       'Its objects stay in base, where the clone uses them.' AS reason
FROM pg_extension e
JOIN pg_namespace n ON n.oid = e.extnamespace
WHERE n.oid = ANY ({bases}::oid[])
UNION ALL
SELECT n.nspname, format('inheritance of table %I', c.relname),
       format('Its parent %s is not cloned; the clone is a table by itself.', i.inhparent::regclass)
FROM pg_inherits i
JOIN pg_class c ON c.oid = i.inhrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_class parent ON parent.oid = i.inhparent
WHERE c.relkind IN ('r', 'p') AND n.oid = ANY ({bases}::oid[])
  AND parent.relnamespace <> ALL ({bases}::oid[])
UNION ALL
SELECT n.nspname, format('child %s of table %I', c.oid::regclass, parent.relname),
       'It is in a schema that is not cloned; the clone lacks its rows.'
FROM pg_inherits i
JOIN pg_class c ON c.oid = i.inhrelid
JOIN pg_class parent ON parent.oid = i.inhparent
JOIN pg_namespace n ON n.oid = parent.relnamespace
WHERE parent.relkind IN ('r', 'p') AND n.oid = ANY ({bases}::oid[])
  AND c.relnamespace <> ALL ({bases}::oid[])
UNION ALL
SELECT n.nspname, format('owner of sequence %I', s.relname),
       format('It belongs to a column of %s, which is not cloned.', d.refobjid::regclass)
FROM pg_depend d
JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
JOIN pg_class c ON c.oid = d.refobjid
JOIN pg_namespace n ON n.oid = s.relnamespace
WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.deptype = 'a'
  AND n.oid = ANY ({bases}::oid[]) AND c.relnamespace <> ALL ({bases}::oid[])
UNION ALL
SELECT n.nspname, format('tablespace of %I', c.relname),
       format('The clone lies in the default tablespace and not in %I.', t.spcname)
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_tablespace t ON t.oid = c.reltablespace
WHERE n.oid = ANY ({bases}::oid[])
UNION ALL
SELECT n.nspname, format('security label of %s', pg_describe_object(l.classoid, l.objoid, l.objsubid)),
       'Security labels are not cloned.'
FROM pg_seclabel l
JOIN pg_class c ON l.classoid = 'pg_class'::regclass AND c.oid = l.objoid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.oid = ANY ({bases}::oid[])
UNION ALL
SELECT n.nspname, format('publication %I', p.pubname),
       format('It publishes %I of base; the clone is not published.', c.relname)
FROM pg_publication_rel r
JOIN pg_publication p ON p.oid = r.prpubid
JOIN pg_class c ON c.oid = r.prrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.oid = ANY ({bases}::oid[])
UNION ALL
SELECT n.nspname, format('publication %I', p.pubname),
       'It publishes the schema; the clone is not published.'
FROM pg_publication_namespace r
JOIN pg_publication p ON p.oid = r.pnpubid
JOIN pg_namespace n ON n.oid = r.pnnspid
WHERE n.oid = ANY ({bases}::oid[])
UNION ALL
SELECT n.nspname, format('default privileges of role %I', pg_get_userbyid(d.defaclrole)),
       'Only a member of that role may set them.'
FROM pg_default_acl d
JOIN pg_namespace n ON n.oid = d.defaclnamespace
WHERE n.oid = ANY ({bases}::oid[]) AND NOT pg_has_role(d.defaclrole, 'MEMBER')
ORDER BY 1, 2, 3
