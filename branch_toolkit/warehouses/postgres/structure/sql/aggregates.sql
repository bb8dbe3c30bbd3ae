-- A function is named by a query of its own rather than by regproc, which qualifies what is
-- overloaded even if it is visible.
WITH named AS (
    SELECT p.oid, CASE WHEN pg_function_is_visible(p.oid) THEN quote_ident(p.proname)
                       ELSE format('%I.%I', n.nspname, p.proname) END AS name
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE p.oid IN (
        SELECT f FROM pg_aggregate a JOIN pg_proc ap ON ap.oid = a.aggfnoid,
               unnest(ARRAY[a.aggfnoid, a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggserialfn,
                            a.aggdeserialfn, a.aggmtransfn, a.aggminvtransfn, a.aggmfinalfn]) AS f
        WHERE ap.pronamespace = ANY ({bases}::oid[]))
)
SELECT 'pg_proc'::regclass::oid::bigint AS classid, p.oid::bigint AS objid, n.nspname AS schema,
       format('aggregate %I(%s)', p.proname, pg_get_function_identity_arguments(p.oid)) AS object,
       format('CREATE AGGREGATE %s(%s) (%s)', self.name,
              coalesce(nullif(pg_get_function_arguments(p.oid), ''), '*'), concat_ws(', ',
           format('SFUNC = %s, STYPE = %s', step.name, format_type(a.aggtranstype, NULL)),
           CASE WHEN a.aggtransspace <> 0 THEN format('SSPACE = %s', a.aggtransspace) END,
           'INITCOND = ' || quote_literal(a.agginitval),
           'FINALFUNC = ' || final.name,
           CASE WHEN a.aggfinalextra THEN 'FINALFUNC_EXTRA' END,
           CASE WHEN final.oid IS NOT NULL THEN 'FINALFUNC_MODIFY = ' || CASE a.aggfinalmodify
                WHEN 'r' THEN 'READ_ONLY' WHEN 's' THEN 'SHAREABLE' ELSE 'READ_WRITE' END END,
           'COMBINEFUNC = ' || combine.name,
           'SERIALFUNC = ' || serial.name,
           'DESERIALFUNC = ' || deserial.name,
           'MSFUNC = ' || mstep.name,
           'MINVFUNC = ' || minverse.name,
           CASE WHEN a.aggmtranstype <> 0
                THEN format('MSTYPE = %s', format_type(a.aggmtranstype, NULL)) END,
           CASE WHEN a.aggmtransspace <> 0 THEN format('MSSPACE = %s', a.aggmtransspace) END,
           'MINITCOND = ' || quote_literal(a.aggminitval),
           'MFINALFUNC = ' || mfinal.name,
           CASE WHEN a.aggmfinalextra THEN 'MFINALFUNC_EXTRA' END,
           CASE WHEN mfinal.oid IS NOT NULL THEN 'MFINALFUNC_MODIFY = ' || CASE a.aggmfinalmodify
                WHEN 'r' THEN 'READ_ONLY' WHEN 's' THEN 'SHAREABLE' ELSE 'READ_WRITE' END END,
           CASE WHEN o.oid IS NOT NULL THEN 'SORTOP = ' || CASE WHEN pg_operator_is_visible(o.oid)
                THEN o.oprname ELSE format('OPERATOR(%I.%s)', os.nspname, o.oprname) END END,
           CASE WHEN a.aggkind = 'h' THEN 'HYPOTHETICAL' END,
           'PARALLEL = ' || CASE p.proparallel
                WHEN 's' THEN 'SAFE' WHEN 'r' THEN 'RESTRICTED' ELSE 'UNSAFE' END)) AS sql
FROM pg_aggregate a
JOIN pg_proc p ON p.oid = a.aggfnoid
JOIN pg_namespace n ON n.oid = p.pronamespace
JOIN pg_roles creator ON creator.rolname = current_user
JOIN named self ON self.oid = p.oid
JOIN named step ON step.oid = a.aggtransfn
LEFT JOIN named final ON final.oid = a.aggfinalfn
LEFT JOIN named combine ON combine.oid = a.aggcombinefn
LEFT JOIN named serial ON serial.oid = a.aggserialfn
LEFT JOIN named deserial ON deserial.oid = a.aggdeserialfn
LEFT JOIN named mstep ON mstep.oid = a.aggmtransfn
LEFT JOIN named minverse ON minverse.oid = a.aggminvtransfn
LEFT JOIN named mfinal ON mfinal.oid = a.aggmfinalfn
LEFT JOIN pg_operator o ON o.oid = a.aggsortop
LEFT JOIN pg_namespace os ON os.oid = o.oprnamespace
WHERE p.pronamespace = ANY ({bases}::oid[])
  AND (creator.rolsuper OR a.aggtranstype <> 'internal'::regtype
                       AND a.aggmtranstype <> 'internal'::regtype)
ORDER BY p.oid
