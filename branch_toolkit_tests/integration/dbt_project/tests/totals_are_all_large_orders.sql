select 1
where (select sum(total) from {{ ref('customer_totals') }})
   is distinct from (select sum(amount) from {{ ref('large_orders') }})
