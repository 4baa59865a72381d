-- Grain: one row per month of the first purchase and marketing channel; `all` is the total.
-- Yesterday's spending and today's; customers and their margin as known today.
with

records as (

    select *
    from marts.record_acquisitions
    where dt = $run_date

),

mapped as (

    select record_id, customer_id
    from identity.identity_map
    where dt = $run_date

),

known as (

    select cohort_month, channel, spend_amount, paid_back_date
    from metrics.acquisition_cohorts
    where dt = $run_date - interval '1 day'

),

spent_today as (

    select
        cast(date_trunc('month', spend_date) as date) as cohort_month,
        channel,
        amount
    from marts.marketing_spend
    where dt = $run_date and currency = $reporting_currency

),

buyers as (

    select mapped.customer_id, records.*
    from records
    inner join mapped on records.record_id = mapped.record_id

),

customers as (

    select
        customer_id,
        min(first_order_date) as first_order_date,
        first_value(channel order by first_order_date, first_known_date, record_id) as channel,
        sum(order_count) as order_count,
        sum(net_amount) as net_amount,
        sum(costed_net_amount) as costed_net_amount,
        sum(cost_amount) as cost_amount
    from buyers
    group by customer_id

),

parts as (

    select
        cast(date_trunc('month', first_order_date) as date) as cohort_month,
        channel,
        1 as customer_count,
        order_count,
        0 as spend_amount,
        net_amount,
        costed_net_amount,
        cost_amount
    from customers
    union all
    select
        cohort_month,
        channel,
        0 as customer_count,
        0 as order_count,
        spend_amount,
        0 as net_amount,
        0 as costed_net_amount,
        0 as cost_amount
    from known
    where channel <> 'all'
    union all
    select
        cohort_month,
        channel,
        0 as customer_count,
        0 as order_count,
        amount as spend_amount,
        0 as net_amount,
        0 as costed_net_amount,
        0 as cost_amount
    from spent_today

),

totals as (

    select
        cohort_month,
        case when grouping(channel) = 1 then 'all' else channel end as channel,
        cast(sum(customer_count) as bigint) as customer_count,
        cast(sum(order_count) as bigint) as order_count,
        cast(sum(spend_amount) as decimal(18, 4)) as spend_amount,
        cast(
            sum(spend_amount) * (1 + cast($acquisition_overhead_share as decimal(9, 4)))
            as decimal(18, 4)
        ) as loaded_amount,
        cast(sum(net_amount) as decimal(18, 4)) as net_amount,
        cast(sum(costed_net_amount) as decimal(18, 4)) as costed_net_amount,
        cast(sum(cost_amount) as decimal(18, 4)) as cost_amount
    from parts
    group by grouping sets ((cohort_month, channel), (cohort_month))

),

valued as (

    select
        *,
        cast(costed_net_amount - cost_amount as decimal(18, 4)) as margin_amount,
        cast(
            case
                when customer_count > 0 and customer_count >= $minimum_sample_size
                    then (costed_net_amount - cost_amount) / customer_count
            end as decimal(18, 4)
        ) as margin_per_customer,
        cast(
            case
                when customer_count > 0 and customer_count >= $minimum_sample_size
                    then loaded_amount / customer_count
            end as decimal(18, 4)
        ) as cost_per_customer,
        cast(
            case
                when loaded_amount > 0 and customer_count >= $minimum_sample_size
                    then (costed_net_amount - cost_amount) / loaded_amount
            end as decimal(18, 6)
        ) as recovered_share
    from totals

),

cohorts as (

    select
        valued.*,
        case
            when valued.loaded_amount > 0 and valued.margin_amount >= valued.loaded_amount
                then coalesce(known.paid_back_date, $run_date)
        end as paid_back_date,
        $run_date
        >= cast(valued.cohort_month + interval '1 month' - interval '1 day' as date)
            as is_mature
    from valued
    left join known
        on valued.cohort_month = known.cohort_month and valued.channel = known.channel

)

select * from cohorts
order by cohort_month, channel
