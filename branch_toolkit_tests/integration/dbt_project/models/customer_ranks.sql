{{ config(schema='marts') }}

select customer_id, rank() over (order by total desc) as place
from {{ ref('customer_totals') }}
