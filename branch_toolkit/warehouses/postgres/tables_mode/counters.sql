-- The identity columns of a table of ours, with its sequence for each, and base's where the role may
-- read it; and whether base's largest number is quickly told, by an index.
SELECT a.attname, pg_get_serial_sequence(%(target)s, a.attname),
       (SELECT b.base FROM (SELECT pg_get_serial_sequence(%(source)s, a.attname) AS base) b
        WHERE CASE WHEN b.base IS NULL THEN false
                   ELSE has_sequence_privilege(b.base::regclass::oid, 'SELECT') END),
       EXISTS (SELECT FROM pg_index i
               JOIN pg_attribute b ON b.attrelid = i.indrelid AND b.attnum = i.indkey[0]
               WHERE i.indrelid = %(source)s::regclass AND b.attname = a.attname
                 AND i.indisvalid AND i.indpred IS NULL),
       s.seqincrement > 0
FROM pg_attribute a
JOIN pg_sequence s ON s.seqrelid = pg_get_serial_sequence(%(target)s, a.attname)::regclass
WHERE a.attrelid = %(target)s::regclass AND a.attidentity <> '' AND NOT a.attisdropped
ORDER BY a.attnum
