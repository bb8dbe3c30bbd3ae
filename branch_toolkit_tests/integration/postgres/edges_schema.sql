-- What cannot be cloned, or can be only in part.
CREATE SCHEMA prod;
CREATE SCHEMA elsewhere;
CREATE EXTENSION citext SCHEMA prod;
CREATE EXTENSION postgres_fdw SCHEMA public;
CREATE SERVER remote FOREIGN DATA WRAPPER postgres_fdw;

CREATE TABLE elsewhere.parents (id integer PRIMARY KEY, name text);
CREATE SEQUENCE elsewhere.numbers;

CREATE FOREIGN TABLE prod.far (id integer) SERVER remote;
CREATE VIEW prod.far_view AS SELECT id FROM prod.far;
CREATE VIEW prod.farther AS SELECT id FROM prod.far_view;
CREATE TABLE prod.words (word prod.citext PRIMARY KEY, lower prod.citext DEFAULT 'x'::prod.citext);
CREATE INDEX words_lower ON prod.words (prod.regexp_match(word, 'a'::prod.citext));
CREATE TABLE prod.children (
    id integer DEFAULT nextval('elsewhere.numbers') REFERENCES elsewhere.parents
);
CREATE TABLE prod.heirs (own integer) INHERITS (elsewhere.parents);
CREATE TABLE prod.split (id integer) PARTITION BY LIST (id);
CREATE TABLE elsewhere.split_1 PARTITION OF prod.split FOR VALUES IN (1);
CREATE FUNCTION prod.same(text, text) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN $1 = $2;
CREATE OPERATOR CLASS prod.words_ops FOR TYPE text USING hash AS OPERATOR 1 =;
CREATE TABLE prod.classed (name text);
CREATE INDEX classed_name ON prod.classed USING hash (name prod.words_ops);
CREATE FUNCTION prod.body() RETURNS bigint LANGUAGE plpgsql
    AS $$ BEGIN RETURN (SELECT count(*) FROM prod.words); END $$;
CREATE FUNCTION prod.harmless() RETURNS text LANGUAGE sql AS 'SELECT ''production''';
CREATE TABLE prod.late_bound (id integer DEFAULT nextval(('prod.late'::text)::regclass));
CREATE TYPE prod.source AS ENUM ('1');
CREATE CAST (prod.source AS integer) WITH INOUT;
CREATE PUBLICATION news FOR TABLE prod.children;
INSERT INTO prod.words VALUES ('One');
INSERT INTO elsewhere.split_1 VALUES (1);
INSERT INTO prod.heirs VALUES (1, 'heir', 2);
