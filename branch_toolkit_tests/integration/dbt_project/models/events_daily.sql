{{ config(materialized='incremental', unique_key='day') }}

select day, count(*) as events, '{{ invocation_id }}' as built_by
from {{ source('raw', 'raw_events') }}
{% if is_incremental() %}
where day >= (select max(day) from {{ this }})
{% endif %}
group by day
