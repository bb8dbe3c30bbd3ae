-- What came with PostgreSQL 16 to 18; under the same `search_path` as exotic_schema.sql, after it.
CREATE TABLE enforced (
    id integer CONSTRAINT kept NOT NULL NO INHERIT,
    tripled integer GENERATED ALWAYS AS (id * 3) VIRTUAL,
    CONSTRAINT lax CHECK (id > 0) NOT ENFORCED,
    parent integer REFERENCES keyed NOT ENFORCED
);
CREATE TABLE heirs (CONSTRAINT own NOT NULL id NO INHERIT, name text) INHERITS (enforced);
ALTER TABLE enforced ADD CONSTRAINT later NOT NULL parent NOT VALID;
CREATE TABLE unproven (a integer);
CREATE TABLE proven () INHERITS (unproven);
ALTER TABLE unproven ADD CONSTRAINT a_there NOT NULL a NOT VALID;
ALTER TABLE proven VALIDATE CONSTRAINT a_there;
CREATE TABLE rooms (id integer, at daterange, PRIMARY KEY (id, at WITHOUT OVERLAPS));
CREATE TABLE stays (
    room integer, at daterange,
    FOREIGN KEY (room, PERIOD at) REFERENCES rooms (id, PERIOD at),
    UNIQUE (room, at WITHOUT OVERLAPS)
);
CREATE TABLE other_expression (tripled integer GENERATED ALWAYS AS (id * 4) VIRTUAL) INHERITS (enforced);
COMMENT ON CONSTRAINT kept ON enforced IS 'Always there';
