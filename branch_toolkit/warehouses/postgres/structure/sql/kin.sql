-- The tables that are of one piece with some: their partitions, children and parents.
WITH RECURSIVE kin(id) AS (
    SELECT unnest({objids}::oid[])
    UNION
    SELECT near.id
    FROM kin
    JOIN pg_inherits i ON kin.id IN (i.inhrelid, i.inhparent)
    CROSS JOIN LATERAL unnest(ARRAY[i.inhrelid, i.inhparent]) AS near(id)
    JOIN pg_class c ON c.oid = near.id AND c.relnamespace = ANY ({bases}::oid[])
)
SELECT kin.id::bigint AS id FROM kin ORDER BY 1
