-- Grain: one row per record that ever bought, cancelled or returned.
-- Yesterday's totals and today's documents; history is not read again. Zero is none; a null
-- date is no purchase known. Adjustments are bookkeeping and nobody's.
with

orders as (

    select *
    from staging.new_orders
    where dt = $run_date and record_id is not null and order_kind <> 'adjustment'

),

known as (

    select *
    from marts.record_orders
    where dt = $run_date - interval '1 day'

),

priced as (

    select
        *,
        currency = $reporting_currency as is_reported,
        case when currency = $reporting_currency then net_amount else 0 end as reported_net
    from orders

),

ordered_today as (

    select
        record_id,
        min(source) as source,
        min(case when order_kind = 'purchase' then order_date end) as first_order_date,
        max(case when order_kind = 'purchase' then order_date end) as last_order_date,
        max(case when order_kind in ('cancellation', 'refund') then order_date end)
            as last_return_date,
        sum(case when order_kind = 'purchase' and is_new then 1 else 0 end) as order_count,
        sum(case when order_kind = 'cancellation' and is_new then 1 else 0 end) as cancellation_count,
        sum(case when order_kind = 'refund' and is_new then 1 else 0 end) as refund_count,
        sum(case when order_kind = 'purchase' and is_new and not is_reported then 1 else 0 end)
            as other_currency_order_count,
        sum(case when order_kind = 'purchase' and is_reported then gross_amount else 0 end)
            as gross_amount,
        sum(case when order_kind = 'purchase' and is_reported then discount_amount else 0 end)
            as discount_amount,
        sum(case when order_kind = 'cancellation' then -reported_net else 0 end)
            as cancelled_amount,
        sum(case when order_kind = 'refund' then -reported_net else 0 end) as refunded_amount,
        sum(reported_net) as net_amount
    from priced
    group by record_id

),

combined as (

    select
        record_id, source, first_order_date, last_order_date, last_return_date, order_count,
        cancellation_count, refund_count, other_currency_order_count, gross_amount, discount_amount,
        cancelled_amount, refunded_amount, net_amount
    from known
    union all
    select * from ordered_today

),

totals as (

    select
        record_id,
        min(source) as source,
        min(first_order_date) as first_order_date,
        max(last_order_date) as last_order_date,
        max(last_return_date) as last_return_date,
        cast(sum(order_count) as bigint) as order_count,
        cast(sum(cancellation_count) as bigint) as cancellation_count,
        cast(sum(refund_count) as bigint) as refund_count,
        cast(sum(other_currency_order_count) as bigint) as other_currency_order_count,
        cast(sum(gross_amount) as decimal(18, 4)) as gross_amount,
        cast(sum(discount_amount) as decimal(18, 4)) as discount_amount,
        cast(sum(cancelled_amount) as decimal(18, 4)) as cancelled_amount,
        cast(sum(refunded_amount) as decimal(18, 4)) as refunded_amount,
        cast(sum(net_amount) as decimal(18, 4)) as net_amount
    from combined
    group by record_id

)

select * from totals
order by record_id
