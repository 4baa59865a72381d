-- Grain: one row per day and marketing channel; `all` is the total.
-- Zero customers = none known of; zero spending = none told. Null cost: too few customers.
with

records as (

    select record_id, first_known_date, first_order_date, channel
    from marts.record_acquisitions
    where dt = $run_date

),

mapped as (

    select record_id, customer_id
    from identity.identity_map
    where dt = $run_date

),

spending as (

    select dt, spend_date, channel, amount
    from marts.marketing_spend
    where
        dt <= $run_date
        and dt > $run_date - interval '30 days'
        and currency = $reporting_currency

),

paid_channels as (

    select channel
    from spending
    where amount > 0
    group by channel

),

buyers as (

    select mapped.customer_id, records.*
    from records
    inner join mapped on records.record_id = mapped.record_id

),

customers as (

    select
        customer_id,
        min(first_known_date) as first_known_date,
        min(first_order_date) as first_order_date,
        first_value(channel order by first_order_date, first_known_date, record_id) as channel
    from buyers
    group by customer_id

),

new_customers as (

    select
        customers.first_order_date as acquired_date,
        customers.channel,
        1 as customer_count,
        case when paid_channels.channel is not null then 1 else 0 end as paid_customer_count,
        0 as spend_amount
    from customers
    left join paid_channels on customers.channel = paid_channels.channel
    where customers.first_known_date = $run_date

),

spent_today as (

    select
        spend_date as acquired_date,
        channel,
        0 as customer_count,
        0 as paid_customer_count,
        amount as spend_amount
    from spending
    where dt = $run_date

),

parts as (

    select * from new_customers
    union all
    select * from spent_today

),

totals as (

    select
        acquired_date,
        case when grouping(channel) = 1 then 'all' else channel end as channel,
        cast(sum(customer_count) as bigint) as customer_count,
        cast(sum(paid_customer_count) as bigint) as paid_customer_count,
        cast(sum(spend_amount) as decimal(18, 4)) as spend_amount,
        cast(
            sum(spend_amount) * (1 + cast($acquisition_overhead_share as decimal(9, 4)))
            as decimal(18, 4)
        ) as loaded_amount
    from parts
    group by grouping sets ((acquired_date, channel), (acquired_date))

),

acquisition as (

    select
        *,
        cast(
            case
                when customer_count > 0 and customer_count >= $minimum_sample_size
                    then loaded_amount / customer_count
            end as decimal(18, 4)
        ) as cost_per_customer,
        cast(
            case
                when paid_customer_count > 0 and paid_customer_count >= $minimum_sample_size
                    then loaded_amount / paid_customer_count
            end as decimal(18, 4)
        ) as paid_cost_per_customer
    from totals

)

select * from acquisition
order by acquired_date, channel
