-- Grain: one row per sale.
with

sales as (

    select *
    from raw.sales
    where dt = $run_date

)

select
    sale_id,
    sold_at,
    business_date(sold_at, $time_zone) as sale_date,
    normalize_email(customer_email) as customer_email,
    channel,
    amount
from sales
order by sale_id
