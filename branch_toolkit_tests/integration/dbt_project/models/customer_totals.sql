{{ config(materialized='table', indexes=[{'columns': ['customer_id'], 'unique': true}]) }}

select customer.id as customer_id, customer.name, count(*) as orders, sum(large.amount) as total
from {{ ref('large_orders') }} as large
join {{ source('raw', 'raw_customers') }} as customer on customer.id = large.customer_id
group by customer.id, customer.name
