-- Grain: one row per channel with sales that day.
-- Null average = fewer sales than the minimum.
with

sales as (

    select channel, amount
    from staging.sales
    where dt = $run_date

),

takings as (

    select
        channel,
        count(*) as sale_count,
        cast(sum(amount) as decimal(18, 2)) as amount
    from sales
    group by channel

),

customers as (

    select count(*) as customer_count
    from marts.customers
    where dt = $run_date

)

select
    takings.channel,
    takings.sale_count,
    takings.amount,
    case
        when takings.sale_count >= $minimum_sale_count
            then cast(takings.amount / takings.sale_count as decimal(18, 2))
    end as average_amount,
    customers.customer_count
from takings
cross join customers
order by channel
