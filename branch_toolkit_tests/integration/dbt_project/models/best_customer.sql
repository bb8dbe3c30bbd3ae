{{ config(materialized='materialized_view') }}

select customer_id, total from {{ ref('customer_totals') }} order by total desc limit 1
