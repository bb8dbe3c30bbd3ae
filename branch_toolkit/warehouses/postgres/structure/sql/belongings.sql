-- What comes with some relations or functions: they themselves, and what cannot be without them.
WITH relation(oid) AS (
    SELECT objid FROM unnest({classids}::oid[], {objids}::oid[]) AS given(classid, objid)
    WHERE classid = 'pg_class'::regclass
), belonging(classid, objid) AS (
    SELECT * FROM unnest({classids}::oid[], {objids}::oid[])
    UNION SELECT 'pg_class'::regclass, i.indexrelid FROM pg_index i JOIN relation r ON r.oid = i.indrelid
    UNION SELECT 'pg_constraint'::regclass, k.oid FROM pg_constraint k JOIN relation r ON r.oid = k.conrelid
    UNION SELECT 'pg_constraint'::regclass, k.oid FROM pg_constraint k
          JOIN relation r ON r.oid = k.confrelid WHERE k.contype = 'f'
    UNION SELECT 'pg_rewrite'::regclass, w.oid FROM pg_rewrite w JOIN relation r ON r.oid = w.ev_class
    UNION SELECT 'pg_attrdef'::regclass, a.oid FROM pg_attrdef a JOIN relation r ON r.oid = a.adrelid
    UNION SELECT 'pg_trigger'::regclass, t.oid FROM pg_trigger t JOIN relation r ON r.oid = t.tgrelid
    UNION SELECT 'pg_policy'::regclass, p.oid FROM pg_policy p JOIN relation r ON r.oid = p.polrelid
    UNION SELECT 'pg_statistic_ext'::regclass, s.oid
          FROM pg_statistic_ext s JOIN relation r ON r.oid = s.stxrelid
    UNION SELECT 'pg_type'::regclass, t.oid FROM pg_type t JOIN relation r ON r.oid = t.typrelid
    UNION SELECT 'pg_type'::regclass, t.typarray FROM pg_type t JOIN relation r ON r.oid = t.typrelid
    UNION SELECT 'pg_class'::regclass, d.objid
          FROM pg_depend d JOIN relation r ON r.oid = d.refobjid
          WHERE d.refclassid = 'pg_class'::regclass AND d.classid = 'pg_class'::regclass
            AND d.deptype = 'i'
)
SELECT classid::oid::bigint AS classid, objid::bigint AS objid FROM belonging ORDER BY 1, 2
