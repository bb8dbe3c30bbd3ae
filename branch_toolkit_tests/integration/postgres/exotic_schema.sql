-- What few schemas have, and real ones do. Names are not qualified, as in hard_schema.sql. Made by a
-- superuser, as types and operator classes of one's own are his to make.

-- A type of its own, and the functions that it consists of.
CREATE TYPE minutes;
CREATE FUNCTION minutes_in(cstring) RETURNS minutes LANGUAGE internal IMMUTABLE STRICT AS 'int4in';
CREATE FUNCTION minutes_out(minutes) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'int4out';
CREATE TYPE minutes (
    INPUT = minutes_in, OUTPUT = minutes_out, INTERNALLENGTH = 4, PASSEDBYVALUE, ALIGNMENT = int4,
    DEFAULT = '42', CATEGORY = 'N'
);
COMMENT ON TYPE minutes IS 'Sixty an hour';
CREATE TYPE declared;
CREATE FUNCTION minutes_lt(minutes, minutes) RETURNS boolean LANGUAGE internal IMMUTABLE STRICT AS 'int4lt';
CREATE FUNCTION minutes_le(minutes, minutes) RETURNS boolean LANGUAGE internal IMMUTABLE STRICT AS 'int4le';
CREATE FUNCTION minutes_eq(minutes, minutes) RETURNS boolean LANGUAGE internal IMMUTABLE STRICT AS 'int4eq';
CREATE FUNCTION minutes_ge(minutes, minutes) RETURNS boolean LANGUAGE internal IMMUTABLE STRICT AS 'int4ge';
CREATE FUNCTION minutes_gt(minutes, minutes) RETURNS boolean LANGUAGE internal IMMUTABLE STRICT AS 'int4gt';
CREATE FUNCTION minutes_cmp(minutes, minutes) RETURNS integer LANGUAGE internal IMMUTABLE STRICT AS 'btint4cmp';
CREATE OPERATOR < (FUNCTION = minutes_lt, LEFTARG = minutes, RIGHTARG = minutes, COMMUTATOR = >);
CREATE OPERATOR <= (FUNCTION = minutes_le, LEFTARG = minutes, RIGHTARG = minutes, COMMUTATOR = >=);
CREATE OPERATOR = (FUNCTION = minutes_eq, LEFTARG = minutes, RIGHTARG = minutes, COMMUTATOR = =, MERGES);
CREATE OPERATOR >= (FUNCTION = minutes_ge, LEFTARG = minutes, RIGHTARG = minutes, COMMUTATOR = <=);
CREATE OPERATOR > (FUNCTION = minutes_gt, LEFTARG = minutes, RIGHTARG = minutes, COMMUTATOR = <);
CREATE OPERATOR FAMILY times USING btree;
COMMENT ON OPERATOR FAMILY times USING btree IS 'Of time';
CREATE OPERATOR CLASS minutes_ops DEFAULT FOR TYPE minutes USING btree FAMILY times AS
    OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >,
    FUNCTION 1 minutes_cmp(minutes, minutes);
COMMENT ON OPERATOR CLASS minutes_ops USING btree IS 'In order';
ALTER OPERATOR FAMILY times USING btree ADD FUNCTION 2 (minutes, minutes) btint4sortsupport(internal);
CREATE OPERATOR CLASS nothing_ops FOR TYPE uuid USING hash AS STORAGE uuid;
CREATE TABLE shifts (length minutes PRIMARY KEY, lengths minutes[]);
CREATE VIEW lengths AS SELECT DISTINCT length FROM shifts ORDER BY length;
CREATE INDEX shifts_lengths ON shifts (length minutes_ops DESC);

CREATE CONVERSION latin FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
CREATE DEFAULT CONVERSION latin_by_default FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
COMMENT ON CONVERSION latin IS 'From the west';
CREATE TEXT SEARCH PARSER words (
    START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end, LEXTYPES = prsd_lextype
);
CREATE TEXT SEARCH TEMPLATE plain (INIT = dsimple_init, LEXIZE = dsimple_lexize);
CREATE TEXT SEARCH DICTIONARY plain (TEMPLATE = plain);
CREATE TEXT SEARCH CONFIGURATION words (PARSER = words);
COMMENT ON TEXT SEARCH PARSER words IS 'Splits';
COMMENT ON TEXT SEARCH TEMPLATE plain IS 'As it is';

-- Views that need each other in a circle, and a table of a view that needs a key.
CREATE VIEW hen AS SELECT 1 AS id, 'x'::text COLLATE "C" AS name;
CREATE VIEW egg AS SELECT * FROM hen;
CREATE OR REPLACE VIEW hen WITH (security_barrier = true) AS SELECT id, name FROM egg;
COMMENT ON VIEW hen IS 'First';
ALTER VIEW hen ALTER COLUMN id SET DEFAULT 7;
CREATE TABLE keyed (id integer PRIMARY KEY, name text);
CREATE VIEW grouped AS SELECT id, name FROM keyed GROUP BY id;
CREATE TABLE of_grouped (one grouped, other integer);

-- Children that differ from their parents.
CREATE TABLE parent (id integer, doubled integer GENERATED ALWAYS AS (id * 2) STORED, name text);
CREATE TABLE child (id integer, doubled integer GENERATED ALWAYS AS (id * 2) STORED, name text);
ALTER TABLE child INHERIT parent;
CREATE UNLOGGED TABLE unlogged (id integer GENERATED ALWAYS AS IDENTITY);
ALTER SEQUENCE unlogged_id_seq SET LOGGED;
CREATE TABLE toasted (value text);
INSERT INTO toasted SELECT string_agg(sha256(n::text::bytea)::text, '') FROM generate_series(1, 300) AS n;
ALTER TABLE toasted ALTER COLUMN value SET STORAGE PLAIN;

-- What is said about indexes and functions elsewhere than in their definitions.
CREATE TABLE packed (
    id integer, other integer,
    PRIMARY KEY (id) WITH (fillfactor = 55),
    CONSTRAINT one_of_a_kind UNIQUE (other) INCLUDE (id) WITH (fillfactor = 66) DEFERRABLE INITIALLY DEFERRED,
    EXCLUDE USING hash (other WITH =) WITH (fillfactor = 77) WHERE (id > 0) DEFERRABLE
);
CREATE INDEX packed_other ON packed (other);
ALTER INDEX packed_other DEPENDS ON EXTENSION btree_gist;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
ALTER FUNCTION touch() DEPENDS ON EXTENSION btree_gist;
CREATE TRIGGER touch BEFORE UPDATE ON packed FOR EACH ROW EXECUTE FUNCTION touch();
ALTER TRIGGER touch ON packed DEPENDS ON EXTENSION btree_gist;
CREATE MATERIALIZED VIEW packs AS SELECT count(*) FROM packed;
ALTER MATERIALIZED VIEW packs DEPENDS ON EXTENSION btree_gist;
DO $$ BEGIN EXECUTE (
    SELECT format('CREATE TABLE wide (%s)', string_agg(format('"%s" integer DEFAULT %1$s', n), ', '))
    FROM generate_series(1, 600) AS n);
END $$;

-- Named like what our own queries use.
CREATE TABLE pg_class (LIKE pg_catalog.pg_class);
CREATE TABLE pg_attrdef (adrelid integer);
CREATE VIEW pg_namespace AS SELECT 1 AS oid;
CREATE FUNCTION format(text, text) RETURNS text LANGUAGE sql IMMUTABLE RETURN 'no';
CREATE FUNCTION quote_ident(name) RETURNS text LANGUAGE sql IMMUTABLE RETURN 'no';
CREATE FUNCTION concat_ws(text, text, text) RETURNS text LANGUAGE sql IMMUTABLE RETURN 'no';
CREATE DOMAIN int4 AS pg_catalog.int4;

-- In this order, neither by name nor by number.
GRANT SELECT ON keyed TO writer;
GRANT SELECT ON keyed TO reader;
GRANT INSERT ON keyed TO writer;
GRANT UPDATE (name) ON keyed TO writer, reader;

INSERT INTO shifts VALUES ('5', '{1,2}'), ('10', NULL);
INSERT INTO keyed VALUES (1, 'x');
INSERT INTO of_grouped SELECT g, 1 FROM grouped AS g;
