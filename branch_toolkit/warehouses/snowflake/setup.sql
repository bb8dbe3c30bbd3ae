-- Two roles and two users for dagster-branch-toolkit in Snowflake, with the least rights.
-- To be executed once by an administrator who has USERADMIN and SECURITYADMIN, and again after each
-- change: what is there already stays as it is. Nothing of yours is revoked or replaced.
--
--   toolkit_role   makes, marks and drops clones. For the base deployment's resource, CI and shells.
--   branch_role    reads production and changes only what is handed to it: the clones' contents.
--                  For branch deployments; and name it in the resource, as the role of branches.

-- 1. Roles
USE ROLE USERADMIN;
CREATE ROLE IF NOT EXISTS toolkit_role COMMENT = 'dagster-branch-toolkit: makes and drops clones';
CREATE ROLE IF NOT EXISTS branch_role COMMENT = 'dagster-branch-toolkit: what branches act as';

-- 2. Users who log in by key pair. Put the public keys in, without their first and last line.
-- https://docs.snowflake.com/en/user-guide/key-pair-auth
-- Secondary roles would give a session the rights of all other roles of its user, so there are none.
CREATE USER IF NOT EXISTS toolkit_user
    TYPE = SERVICE
    DEFAULT_ROLE = toolkit_role
    DEFAULT_WAREHOUSE = the_warehouse
    DEFAULT_SECONDARY_ROLES = ()
    RSA_PUBLIC_KEY = 'MIIB... the public key of the base deployment';
CREATE USER IF NOT EXISTS branch_user
    TYPE = SERVICE
    DEFAULT_ROLE = branch_role
    DEFAULT_WAREHOUSE = the_warehouse
    DEFAULT_SECONDARY_ROLES = ()
    RSA_PUBLIC_KEY = 'MIIB... the public key of branch deployments';

USE ROLE SECURITYADMIN;
-- What is handed to branch_role stays in toolkit_role's reach, and both in the administrators'.
GRANT ROLE branch_role TO ROLE toolkit_role;
GRANT ROLE toolkit_role TO ROLE SYSADMIN;
GRANT ROLE toolkit_role TO USER toolkit_user;
GRANT ROLE branch_role TO USER branch_user;

-- 3. A virtual warehouse, for samples and for what assets do; clones need none.
GRANT USAGE ON WAREHOUSE the_warehouse TO ROLE branch_role;

-- 4. The database
GRANT USAGE ON DATABASE the_database TO ROLE branch_role;
GRANT CREATE SCHEMA ON DATABASE the_database TO ROLE toolkit_role;

-- 5. What is cloned. toolkit_role has these rights through branch_role, and those by itself with
--    which production could be changed: its sequences move on, its procedures do what their owner may.
-- A future grant in a schema switches off those that the database has for that kind of object,
-- whoever they are given to. If you have such, write IN DATABASE instead in the FUTURE lines:
-- https://docs.snowflake.com/en/sql-reference/sql/grant-privilege
-- For each base schema:
GRANT USAGE ON SCHEMA the_database.the_schema TO ROLE branch_role;
GRANT SELECT ON ALL TABLES IN SCHEMA the_database.the_schema TO ROLE branch_role;
GRANT SELECT ON FUTURE TABLES IN SCHEMA the_database.the_schema TO ROLE branch_role;
GRANT SELECT ON ALL VIEWS IN SCHEMA the_database.the_schema TO ROLE branch_role;
GRANT SELECT ON FUTURE VIEWS IN SCHEMA the_database.the_schema TO ROLE branch_role;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA the_database.the_schema TO ROLE toolkit_role;
GRANT USAGE ON FUTURE SEQUENCES IN SCHEMA the_database.the_schema TO ROLE toolkit_role;
GRANT USAGE ON ALL FILE FORMATS IN SCHEMA the_database.the_schema TO ROLE branch_role;
GRANT USAGE ON FUTURE FILE FORMATS IN SCHEMA the_database.the_schema TO ROLE branch_role;
GRANT USAGE ON ALL FUNCTIONS IN SCHEMA the_database.the_schema TO ROLE branch_role;
GRANT USAGE ON FUTURE FUNCTIONS IN SCHEMA the_database.the_schema TO ROLE branch_role;
GRANT USAGE ON ALL PROCEDURES IN SCHEMA the_database.the_schema TO ROLE toolkit_role;
GRANT USAGE ON FUTURE PROCEDURES IN SCHEMA the_database.the_schema TO ROLE toolkit_role;
-- End of it.

-- To take all of it back, drop the environments first (`branch-toolkit retire`, then `sweep`); then
--   USE ROLE SECURITYADMIN;
--   DROP USER IF EXISTS branch_user;
--   DROP USER IF EXISTS toolkit_user;
--   DROP ROLE IF EXISTS toolkit_role;
--   DROP ROLE IF EXISTS branch_role;
