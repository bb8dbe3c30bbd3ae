-- Rows for the hard schema, under the same `search_path`.
INSERT INTO customers (name, feels, home, level, code, odd, period, periods, tags)
SELECT 'c' || n, (ARRAY['sad', 'it''s ok', 'happy'])[1 + n % 3]::mood,
       ROW ('street, "' || n, n, '{sad,"it''s ok"}')::address, n, 'c' || chr(96 + n), 'ä',
       span(n * 10, n * 10 + 5), spans(span(n, n + 1)), ARRAY['a', 'b' || n]
FROM generate_series(1, 20) AS n;
INSERT INTO orders (customer_id, amount) SELECT 1 + n % 20, n FROM generate_series(1, 200) AS n;
INSERT INTO events (id, region, at, payload)
SELECT n, (ARRAY['eu', 'us', 'it''s'])[1 + n % 3], date '2025-06-01' + n * 5, '{}'
FROM generate_series(1, 100) AS n;
INSERT INTO event_notes SELECT id, region, at FROM events;
INSERT INTO hashed SELECT n, 'happy' FROM generate_series(1, 20) AS n;
INSERT INTO animals SELECT 1, 'animal';
INSERT INTO fish VALUES (2, 'fish', 3, 4);
INSERT INTO shark VALUES (3, 'shark', 5, 6);
INSERT INTO scratch SELECT n FROM generate_series(1, 5) AS n;
INSERT INTO nothing DEFAULT VALUES;
INSERT INTO only_computed DEFAULT VALUES;
INSERT INTO typed VALUES ('street', 1, '{happy}');
REFRESH MATERIALIZED VIEW daily;
REFRESH MATERIALIZED VIEW deeper;
