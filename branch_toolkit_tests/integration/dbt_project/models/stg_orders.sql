select id as order_id, customer_id, amount, country
from {{ source('raw', 'raw_orders') }}
