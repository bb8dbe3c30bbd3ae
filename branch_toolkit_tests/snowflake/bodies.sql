---- three parts
select a from PROD.«ANALYTICS».T

---- two parts
select a from «ANALYTICS».T

---- one part
select a from T

---- lower case folds
select a from prod.«analytics».t join «Staging».u using (a)

---- quoted names
select a from "PROD".«"ANALYTICS"»."T"

---- a quoted name in another case
select a from PROD."analytics".T, "prod".ANALYTICS.U, «ANALYTICS».V

---- a schema with a space
select x.a from PROD.«"sta ging"».T x, «"sta ging"»."u v" y

---- a schema with a quote and a dot
select a from «"o""d.d"».T, PROD.«"o""d.d"»."t.u"

---- a schema with an apostrophe
select a from «"it's"».T where b = 'it''s'

---- a name with a dot in it
select a from "ANALYTICS.T", «ANALYTICS»."ANALYTICS.T"

---- another database
select a from OTHER.ANALYTICS.T, «ANALYTICS».T

---- spaces and remarks between parts
select a from PROD . «ANALYTICS» . T, PROD/* ANALYTICS.X */.--
«ANALYTICS».U

---- double dots
select a from PROD.«».T, OTHER..T

---- remarks
select a -- PROD.ANALYTICS.T
 from «ANALYTICS».T // ANALYTICS.U
 /* PROD.ANALYTICS.V */

---- strings
select 'PROD.ANALYTICS.T', 'it''s ANALYTICS.T', 'a\'ANALYTICS.T', $$ANALYTICS.T$$ from «ANALYTICS».T

---- an alias that is the schema's name
select ANALYTICS.a from T as ANALYTICS join «ANALYTICS».U on true

---- a table that is the schema's name
select ANALYTICS.a, «ANALYTICS».ANALYTICS.b from «ANALYTICS».ANALYTICS

---- a column that is the schema's name
select t.ANALYTICS, ANALYTICS from «ANALYTICS».T t

---- a CTE that is the schema's name
with ANALYTICS as (select * from «ANALYTICS».T) select ANALYTICS.a from ANALYTICS

---- a CTE that is a table's name
with T as (select * from «ANALYTICS».T) select T.a from T

---- two CTEs
with x as (select * from «ANALYTICS».T), y as (select * from x join «STAGING».U using (a)) select
  * from y

---- a recursive CTE
with recursive r(n) as (select 1 union all select n + 1 from r join «ANALYTICS».T on n < a) select
  * from r

---- columns with their schema
select «ANALYTICS».T.a, PROD.«ANALYTICS».T.b, T.c from PROD.«ANALYTICS».T where «ANALYTICS».T.a > 1

---- all columns of a table
select «ANALYTICS».T.*, u.* from «ANALYTICS».T, «STAGING».U u

---- a function
select PROD.«ANALYTICS».F(x), «ANALYTICS».G(1, «STAGING».H()), F(2), SUM(x) from T

---- a function named as a built-in one
select «ANALYTICS».SUM(x), PROD.«ANALYTICS».COALESCE(a, b) from T

---- a quoted function
select «ANALYTICS»."f"(1) from T

---- a table function
select * from table(«ANALYTICS».F(1)) f, table(PROD.«ANALYTICS».G(t.a)) g, T t

---- a table function with partitions
select f.* from T, table(«ANALYTICS».F(T.a) over (partition by T.b order by T.c)) f

---- a sequence
select «ANALYTICS».S.NEXTVAL, PROD.«ANALYTICS».S.nextval, S.NEXTVAL from T

---- a stage
select $1, t.$2:a.b from @PROD.«ANALYTICS».STG/path/analytics.x/y.csv t

---- a stage with a file format
select $1 from @«ANALYTICS».STG (file_format => '«ANALYTICS».FF', pattern => '.*ANALYTICS.T') t

---- a stage in quotes
select $1 from '@PROD.«ANALYTICS».STG/a b/ANALYTICS.csv'

---- a stage as an argument
select build_scoped_file_url(@PROD.«ANALYTICS».STG, relative_path), f(@«ANALYTICS»."s") from
  directory(@«ANALYTICS».STG)

---- a table's and a user's stage
select $1 from @~/ANALYTICS.x, @%T, @PROD.«ANALYTICS».%T, «ANALYTICS».T

---- IDENTIFIER
select * from identifier('PROD.«ANALYTICS».T') t, IDENTIFIER('T'), identifier('«ANALYTICS»."t.u"')

---- TABLE of a string
select * from table('«ANALYTICS».T'), table( 'PROD.«ANALYTICS».U' ) u

---- semi-structured paths
select t.src:analytics.t::string, src:a[0].analytics.t, src['analytics'].analytics.b,
  src:"ANALYTICS".t from «ANALYTICS».T t

---- lateral flatten
select f.value:analytics.id::int from «ANALYTICS».T t, lateral flatten(input =>
  t.src:analytics.items, outer => true) f

---- an object and an array
select {'analytics': PROD.«ANALYTICS».F(1)}:analytics.b, ['ANALYTICS.T', «ANALYTICS».F(2)],
  object_construct(*) from T

---- a lambda
select filter(a, x -> x:analytics.b > «ANALYTICS».F(x)) from T

---- PIVOT
select * from «ANALYTICS».T pivot(sum(x) for m in ('ANALYTICS.A', 'b')) as p (a, b)

---- PIVOT of any
select * from «ANALYTICS».T pivot(sum(x) for m in (any order by m)) p

---- UNPIVOT
select * from «ANALYTICS».T unpivot(x for m in (a, b)) order by m

---- QUALIFY
select * from «ANALYTICS».T qualify row_number() over (partition by «ANALYTICS».T.a order by b) = 1

---- MATCH_RECOGNIZE
select * from «ANALYTICS».T match_recognize(partition by a order by b measures match_number() as m
  pattern (x y+) define y as c < 1)

---- set operations
select a from «ANALYTICS».T union all (select a from «STAGING».T except select a from U) intersect
  select a from PROD.«ANALYTICS».V

---- a correlated subquery
select a, (select max(b) from «STAGING».U u where u.a = «ANALYTICS».T.a) from «ANALYTICS».T

---- IN and EXISTS
select a from T where a in (select a from «ANALYTICS».U) and not exists (select 1 from «STAGING».V
  v where v.a = T.a)

---- VALUES
select * from (values (1, 'ANALYTICS.T'), (2, null)) as v (a, b) join «ANALYTICS».T on v.a = T.a

---- time travel
select * from «ANALYTICS».T at(offset => -60) t join «STAGING».U before(statement => '01b') u on
  t.a = u.a

---- changes
select * from «ANALYTICS».T changes(information => default) at(timestamp =>
  '2026-01-01'::timestamp_tz)

---- SAMPLE
select * from «ANALYTICS».T sample (10), «STAGING».U tablesample bernoulli (3) seed (1), T sample
  (3 rows)

---- window frames
select sum(a) over (partition by b order by c rows between unbounded preceding and 1 following)
  from «ANALYTICS».T

---- LISTAGG
select listagg(distinct a, ', ') within group (order by a desc) from «ANALYTICS».T group by all

---- ILIKE ANY
select a from «ANALYTICS».T where a ilike any ('ANALYTICS.%', 'b_') escape '!' or a rlike '\\d+'

---- ASOF JOIN
select * from «ANALYTICS».T t asof join «STAGING».U u match_condition(t.a >= u.a) on t.b = u.b

---- EXCLUDE, RENAME and REPLACE
select * exclude (a, b) rename (c as ANALYTICS), t.* replace (1 as d) from «ANALYTICS».T t

---- all kinds of joins
select 1 from «ANALYTICS».A left join «ANALYTICS».B on true natural join «STAGING».C cross join D
  full outer join («ANALYTICS».E join F using (x)) on 1=1

---- CONNECT BY
select a, connect_by_root b from «ANALYTICS».T start with b is null connect by prior a = b

---- grouping sets
select a, b, sum(c) from «ANALYTICS».T group by grouping sets ((a), (b), cube (a, b)) having
  max(«ANALYTICS».T.a) > 1

---- casts
select a::number(38, 0), cast(b as varchar(10)), try_cast(c as date) from «ANALYTICS».T

---- the information schema
select * from PROD.INFORMATION_SCHEMA.TABLES where TABLE_SCHEMA = 'ANALYTICS'

---- a model
select PROD.«ANALYTICS».M!PREDICT(a):analytics.b from T, table(«ANALYTICS».M!FORECAST(1))

---- a semantic view that is queried
select * from semantic_view(«ANALYTICS».SV metrics a.b dimensions c.d)

---- Snowflake's own database
select snowflake.cortex.complete('x', «ANALYTICS».F()) from T

---- FROM first
from «ANALYTICS».T select a

---- in brackets
((select a from «ANALYTICS».T))

---- other letters
select 'ANALYTICS ü 日本' as "ü" from «ANALYTICS»."日本" /* 💥 */ join «STAGING».Ü on true

---- secure, with columns and remarks
create or replace secure view PROD.«ANALYTICS».V(
	A,
	"col 2" COMMENT 'ANALYTICS.T')
 COMMENT='of PROD.ANALYTICS.T'
 as select * from «ANALYTICS».T;

---- recursive view
create or replace recursive view PROD.«ANALYTICS».V(N) as select 1 union all select n + 1 from
  PROD.«ANALYTICS».V

---- materialized view
create or replace materialized view PROD.«ANALYTICS».V(A) cluster by (A, src:analytics.b) as
  select a, src from «ANALYTICS».T;

---- policies and tags
create or replace view PROD.«ANALYTICS».V(A WITH MASKING POLICY PROD.«ANALYTICS».MP USING (A, B)
  WITH TAG (PROD.«STAGING».TG='ANALYTICS.x', OTHER.ANALYTICS.TG='y'), B) with row access policy
  «ANALYTICS».RAP on (A) with tag («ANALYTICS».t='ANALYTICS.T') as select 1, 2

---- function of an expression
CREATE OR REPLACE FUNCTION PROD.«ANALYTICS»."F"("X" NUMBER(38,0))
RETURNS NUMBER(38,0)
LANGUAGE SQL
AS 'X * PROD.«ANALYTICS».G(X)';

---- function with escapes
CREATE OR REPLACE FUNCTION PROD.«ANALYTICS».F() RETURNS VARCHAR LANGUAGE SQL COMMENT='ANALYTICS.T'
  AS 'select max(a) || ''it''''s ANALYTICS.T'' || \'\\\\d\' from\n«ANALYTICS».T, identifier(''PROD.«ANALYTICS».U'')';

---- function with an apostrophe in a name
CREATE FUNCTION PROD.«ANALYTICS».F() RETURNS TABLE (A INT) AS
  'select a from «"it''s"».T, «"o""d.d"».U';

---- function with a backslash in a name
CREATE FUNCTION PROD.«ANALYTICS».F() RETURNS TABLE (A INT) AS 'select a from «"a\\b"».T';

---- function in dollars
CREATE OR REPLACE SECURE FUNCTION PROD.«ANALYTICS».F() RETURNS INT AS $$
  select 'it''s' -- ANALYTICS.T
  from «ANALYTICS».T
$$

---- table function's definition
CREATE OR REPLACE FUNCTION PROD.«ANALYTICS».F("D" DATE) RETURNS TABLE ("A" NUMBER(38,0),
  "LANGUAGE" VARCHAR) LANGUAGE SQL AS $$select a, b from «ANALYTICS».T where c = D$$;

---- Python
CREATE OR REPLACE FUNCTION PROD.«ANALYTICS».F("X" VARCHAR) RETURNS VARCHAR LANGUAGE PYTHON
  RUNTIME_VERSION='3.12' PACKAGES=('pandas') IMPORTS=('@PROD.«ANALYTICS».STG/analytics.py',
  '@«STAGING».S2') HANDLER='analytics.f' AS 'def f(x):\n  return "my_analytics"';

---- JavaScript
CREATE OR REPLACE PROCEDURE PROD.«ANALYTICS».P() RETURNS VARCHAR LANGUAGE JAVASCRIPT EXECUTE AS
  CALLER AS 'return snowflake.execute({sqlText: "select 1"})';

---- scripting
CREATE OR REPLACE PROCEDURE PROD.«ANALYTICS».P("N" NUMBER(38,0)) RETURNS VARCHAR LANGUAGE SQL EXECUTE AS OWNER AS 'begin insert into T select :N; execute immediate ''truncate T''; return ''ok''; end';

---- a task
create or replace task PROD.«ANALYTICS».A warehouse=W after PROD.«ANALYTICS».B, «STAGING».C when
  SYSTEM$STREAM_HAS_DATA('PROD.«ANALYTICS».S') as insert into «ANALYTICS».T select * from «STAGING».U;

---- a task that merges
create or replace task PROD.«ANALYTICS».A schedule='USING CRON 0 0 * * * UTC' as merge into
  «ANALYTICS».T t using «STAGING».U u on t.a = u.a when matched then update set t.b = u.b when not
  matched then insert (a) values (u.a)

---- a task that calls
create or replace task PROD.«ANALYTICS».A warehouse=W as call PROD.«ANALYTICS».P('ANALYTICS.T', 1)

---- a pipe
create or replace pipe PROD.«ANALYTICS».P auto_ingest=true as copy into «ANALYTICS».T from
  @«ANALYTICS».STG/x/ file_format=(format_name='«ANALYTICS».FF')

---- a dynamic table
create or replace dynamic table PROD.«ANALYTICS».D(A) target_lag='1 minute' refresh_mode=AUTO
  initialize=ON_CREATE warehouse=W comment='ANALYTICS.T' as select a from «ANALYTICS».T

---- a stream
create or replace stream PROD.«ANALYTICS».S on table PROD.«ANALYTICS».T append_only=true
  comment='ANALYTICS.T'

---- a table
create or replace TABLE PROD.«ANALYTICS».T (ID NUMBER(38,0) NOT NULL DEFAULT
  PROD.«ANALYTICS».SEQ.NEXTVAL, X VARCHAR DEFAULT 'ANALYTICS.T', constraint FK foreign key (ID)
  references PROD.«STAGING».U(ID))

---- an external table
create or replace external table PROD.«ANALYTICS».E(A VARCHAR AS (value:analytics.c::varchar))
  location=@PROD.«ANALYTICS».STG/analytics.x/ file_format=(format_name='«ANALYTICS».FF')
