-- Grain: one row per order day, currency, channel and customer type; `all` is a total.
-- Zero is none that day. Null average: too few purchases.
with

orders as (

    select *
    from marts.orders
    where dt = $run_date

),

parts as (

    select
        *,
        order_kind = 'purchase' as is_purchase,
        order_kind in ('cancellation', 'refund') as is_taken_back
    from orders

),

totals as (

    select
        order_date,
        currency,
        case when grouping(channel) = 1 then 'all' else channel end as channel,
        case when grouping(customer_type) = 1 then 'all' else customer_type end
            as customer_type,
        sum(case when is_purchase then 1 else 0 end) as order_count,
        sum(case when order_kind = 'cancellation' then 1 else 0 end) as cancellation_count,
        sum(case when order_kind = 'refund' then 1 else 0 end) as refund_count,
        sum(case when order_kind = 'adjustment' then 1 else 0 end) as adjustment_count,
        sum(case when is_purchase then unit_count else 0 end) as unit_count,
        sum(case when is_taken_back then -unit_count else 0 end) as returned_unit_count,
        sum(case when is_purchase then gross_amount else 0 end) as gross_amount,
        sum(case when is_purchase then discount_amount else 0 end) as discount_amount,
        sum(case when order_kind = 'cancellation' then -net_amount else 0 end)
            as cancelled_amount,
        sum(case when order_kind = 'refund' then -net_amount else 0 end) as refunded_amount,
        sum(case when order_kind = 'adjustment' then net_amount else 0 end) as adjusted_amount,
        sum(net_amount) as net_amount
    from parts
    group by grouping sets (
        (order_date, currency, channel, customer_type),
        (order_date, currency, channel),
        (order_date, currency, customer_type),
        (order_date, currency)
    )

),

revenue as (

    select
        order_date,
        currency,
        channel,
        customer_type,
        order_count,
        cancellation_count,
        refund_count,
        adjustment_count,
        cast(unit_count as decimal(18, 3)) as unit_count,
        cast(returned_unit_count as decimal(18, 3)) as returned_unit_count,
        cast(gross_amount as decimal(18, 4)) as gross_amount,
        cast(discount_amount as decimal(18, 4)) as discount_amount,
        cast(cancelled_amount as decimal(18, 4)) as cancelled_amount,
        cast(refunded_amount as decimal(18, 4)) as refunded_amount,
        cast(adjusted_amount as decimal(18, 4)) as adjusted_amount,
        cast(net_amount as decimal(18, 4)) as net_amount,
        case
            when order_count > 0 and order_count >= $minimum_sample_size
                then cast((gross_amount - discount_amount) / order_count as decimal(18, 4))
        end as average_order_amount
    from totals

)

select * from revenue
order by order_date, currency, channel, customer_type
