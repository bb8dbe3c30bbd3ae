-- Two schemas that need each other, with names that are in both, and aliases called like a schema.
CREATE SCHEMA shop;
CREATE SCHEMA depot;

CREATE TYPE shop.kind AS ENUM ('a', 'b');
CREATE TYPE depot.kind AS ENUM ('b', 'c');
CREATE TYPE depot.only_here AS (shop shop.kind, depot depot.kind);
CREATE SEQUENCE shop.ids;
CREATE SEQUENCE depot.ids START 1000;
CREATE COLLATION depot.plain (LOCALE = 'C');

CREATE FUNCTION shop.label(shop.kind) RETURNS text LANGUAGE sql IMMUTABLE RETURN 'shop ' || ($1 = 'a');
CREATE FUNCTION depot.label(depot.kind) RETURNS text LANGUAGE sql IMMUTABLE RETURN 'depot ' || ($1 = 'b');
CREATE FUNCTION depot.label(shop.kind) RETURNS text LANGUAGE sql IMMUTABLE RETURN 'of shop';
-- Named like built-in functions, which must go on to mean the built-in ones where they do.
CREATE FUNCTION depot.lower(text) RETURNS text LANGUAGE sql IMMUTABLE RETURN pg_catalog.lower($1) || '!';
CREATE FUNCTION shop.upper(integer) RETURNS text LANGUAGE sql IMMUTABLE RETURN $1::text;
CREATE FUNCTION shop.add(shop.kind, shop.kind) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN $1 < $2;
CREATE FUNCTION depot.add(depot.kind, depot.kind) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN $1 > $2;
CREATE OPERATOR shop.<+> (FUNCTION = shop.add, LEFTARG = shop.kind, RIGHTARG = shop.kind);
CREATE OPERATOR depot.<+> (FUNCTION = depot.add, LEFTARG = depot.kind, RIGHTARG = depot.kind);
CREATE FUNCTION depot.equal(integer, integer) RETURNS boolean LANGUAGE sql IMMUTABLE
    RETURN $1 OPERATOR(pg_catalog.=) $2;
CREATE OPERATOR depot.= (FUNCTION = depot.equal, LEFTARG = integer, RIGHTARG = integer);

CREATE TABLE shop.items (
    id integer PRIMARY KEY DEFAULT nextval('shop.ids'),
    other integer DEFAULT nextval('depot.ids'),
    kind shop.kind DEFAULT 'b',
    stored depot.kind DEFAULT 'b',
    pair depot.only_here,
    name text COLLATE depot.plain CHECK (depot.lower(name) <> lower(name)),
    tag text GENERATED ALWAYS AS (shop.label(kind) || depot.label(kind)) STORED,
    CHECK (kind OPERATOR(shop.<+>) 'b' OR stored OPERATOR(depot.<+>) 'b' OR true),
    CHECK (id OPERATOR(depot.=) id AND id = id)
);
CREATE TABLE depot.items (
    id integer PRIMARY KEY REFERENCES shop.items,
    kind depot.kind DEFAULT 'c',
    kinds shop.kind[],
    named regclass DEFAULT 'shop.items',
    depot integer,
    shop text
);
CREATE TABLE depot.depot (depot integer, shop integer REFERENCES depot.items);
CREATE TABLE shop.shop (shop depot.depot);
ALTER TABLE shop.items ADD CONSTRAINT back FOREIGN KEY (id) REFERENCES depot.items DEFERRABLE
    INITIALLY DEFERRED;
CREATE INDEX items_label ON shop.items (depot.lower(name), lower(name), shop.upper(id));
CREATE INDEX items_label ON depot.items (depot.label(kind), (id OPERATOR(depot.=) depot));
COMMENT ON TABLE depot.depot IS 'All of depot.depot';
COMMENT ON COLUMN depot.depot.depot IS 'depot.depot.depot';

CREATE VIEW shop.pairs AS
    SELECT shop.id, depot.kind, shop.kind AS shop_kind, depot.depot, depot.shop, lower(shop.name) AS l,
           depot.lower(shop.name) AS d, 'depot.items'::regclass AS named,
           'shop.label'::regproc AS proc, 'depot.label(shop.kind)'::regprocedure AS procedure,
           'depot.kind'::regtype AS type, 'depot'::regnamespace AS space, 'shop.items' AS text
    FROM shop.items AS shop JOIN depot.items AS depot ON shop.id = depot.id AND shop.id OPERATOR(depot.=) 1;
CREATE VIEW depot.space AS SELECT 'shop'::regnamespace AS space;
CREATE VIEW depot.pairs AS
    WITH items AS (SELECT depot.depot, depot.shop FROM depot.depot), pairs AS (SELECT 1 AS one)
    SELECT items.depot, s.id AS item, p.id, shop.shop, one
    FROM items, shop.items AS s, shop.pairs AS p, shop.shop, pairs;
CREATE VIEW depot.hidden AS
    WITH items AS (SELECT 1 AS one) SELECT i.one, d.id, extract(epoch FROM now()) AS now
    FROM items AS i, depot.items AS d;
CREATE MATERIALIZED VIEW shop.daily AS SELECT kind, count(*) AS n FROM depot.items GROUP BY kind;
CREATE FUNCTION depot.count_items() RETURNS bigint LANGUAGE sql SET search_path = shop, depot, "$user"
    BEGIN ATOMIC SELECT count(*) FROM shop.items, depot.items AS shop WHERE shop.id = items.id; END;
CREATE FUNCTION shop.dynamic() RETURNS bigint LANGUAGE plpgsql
    AS $$ BEGIN RETURN (SELECT count(*) FROM depot.items); END $$;
CREATE FUNCTION depot.touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER touch BEFORE UPDATE ON shop.items FOR EACH ROW
    WHEN (depot.label(NEW.kind) <> shop.label(OLD.kind)) EXECUTE FUNCTION depot.touch();
CREATE RULE depot AS ON UPDATE TO depot.depot WHERE NEW.depot > 1
    DO ALSO INSERT INTO shop.items (id, name) SELECT NEW.depot, depot.shop FROM depot.items AS depot;
CREATE POLICY items ON depot.items USING (EXISTS (SELECT 1 FROM shop.items WHERE items.id = 1));
CREATE STATISTICS depot.items ON id, name FROM shop.items;

INSERT INTO shop.items (id, name, pair) VALUES (1, 'X', ('a', 'c')), (nextval('shop.ids') + 9, 'Y', NULL);
INSERT INTO depot.items (id, kinds) SELECT id, '{a,b}' FROM shop.items;
INSERT INTO depot.depot VALUES (1, 1);
INSERT INTO shop.shop SELECT d FROM depot.depot AS d;
REFRESH MATERIALIZED VIEW shop.daily;
