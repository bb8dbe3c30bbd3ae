-- Commutator and negator may not exist yet; Postgres then makes a shell that is filled later.
WITH named AS (
    SELECT o.oid, CASE WHEN pg_operator_is_visible(o.oid) THEN o.oprname
                       ELSE format('OPERATOR(%I.%s)', n.nspname, o.oprname) END AS name
    FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace
    WHERE o.oid IN (SELECT unnest(ARRAY[base.oprcom, base.oprnegate]) FROM pg_operator base
                    WHERE base.oprnamespace = ANY ({bases}::oid[]))
), functions AS (
    SELECT p.oid, CASE WHEN pg_function_is_visible(p.oid) THEN quote_ident(p.proname)
                       ELSE format('%I.%I', n.nspname, p.proname) END AS name
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE p.oid IN (SELECT unnest(ARRAY[o.oprcode, o.oprrest, o.oprjoin]) FROM pg_operator o
                    WHERE o.oprnamespace = ANY ({bases}::oid[]))
)
SELECT 'pg_operator'::regclass::oid::bigint AS classid, o.oid::bigint AS objid,
       n.nspname AS schema,
       format('operator %s(%s)', o.oprname, concat_ws(', ', nullif(o.oprleft, 0)::regtype,
                                                      o.oprright::regtype)) AS object,
       format('CREATE OPERATOR %s%s (%s)',
              CASE WHEN pg_operator_is_visible(o.oid) THEN '' ELSE quote_ident(n.nspname) || '.' END,
              o.oprname, concat_ws(', ',
           'FUNCTION = ' || code.name,
           'LEFTARG = ' || nullif(o.oprleft, 0)::regtype,
           'RIGHTARG = ' || nullif(o.oprright, 0)::regtype,
           'COMMUTATOR = ' || com.name,
           'NEGATOR = ' || neg.name,
           CASE WHEN o.oprcanhash THEN 'HASHES' END,
           CASE WHEN o.oprcanmerge THEN 'MERGES' END,
           'RESTRICT = ' || rest.name,
           'JOIN = ' || estimate.name)) AS sql
FROM pg_operator o
JOIN pg_namespace n ON n.oid = o.oprnamespace
JOIN functions code ON code.oid = o.oprcode
LEFT JOIN named com ON com.oid = o.oprcom
LEFT JOIN named neg ON neg.oid = o.oprnegate
LEFT JOIN functions rest ON rest.oid = o.oprrest
LEFT JOIN functions estimate ON estimate.oid = o.oprjoin
WHERE o.oprnamespace = ANY ({bases}::oid[])
ORDER BY o.oid
