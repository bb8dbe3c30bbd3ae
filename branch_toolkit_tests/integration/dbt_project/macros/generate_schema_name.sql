{% macro generate_schema_name(custom_schema_name, node) -%}
  {{ env_var('DBT_SCHEMA_' ~ (custom_schema_name or '') | upper, env_var('DBT_SCHEMA')) }}
{%- endmacro %}
