-- Grain: one row per business day, currency, channel and customer type; `all` is a total.
-- Zero is none that day. Null average or median: too few purchases. Null margin: no line of known
-- cost.
with

documents as (

    select *
    from marts.orders
    where dt = $run_date

),

lines as (

    select *
    from marts.order_lines
    where dt = $run_date and order_kind <> 'adjustment' and cost_amount is not null

),

-- On the day of the document itself.
by_event_day as (

    select
        order_date,
        currency,
        channel,
        customer_type,
        case when order_kind = 'purchase' and is_new then 1 else 0 end as order_count,
        case when order_kind = 'cancellation' and is_new then 1 else 0 end
            as cancellation_count,
        case when order_kind = 'refund' and is_new then 1 else 0 end as refund_count,
        case when order_kind = 'adjustment' and is_new then 1 else 0 end as adjustment_count,
        case when order_kind = 'purchase' then unit_count else 0 end as unit_count,
        case when order_kind in ('cancellation', 'refund') then -unit_count else 0 end
            as returned_unit_count,
        case when order_kind = 'purchase' then gross_amount else 0 end as gross_amount,
        case when order_kind = 'purchase' then discount_amount else 0 end as discount_amount,
        case when order_kind = 'cancellation' then -net_amount else 0 end as cancelled_amount,
        case when order_kind = 'refund' then -net_amount else 0 end as refunded_amount,
        case when order_kind = 'adjustment' then net_amount else 0 end as adjusted_amount,
        net_amount,
        0 as order_day_returned_unit_count,
        0 as order_day_returned_amount,
        0 as costed_net_amount,
        0 as cost_amount,
        case when order_kind = 'purchase' and is_new then customer_id end as buyer_id,
        case when order_kind = 'purchase' and is_new then gross_amount - discount_amount end
            as order_amount
    from documents

),

-- On the day of the purchase that is taken back.
by_order_day as (

    select
        purchase_date as order_date,
        currency,
        channel,
        purchase_customer_type as customer_type,
        0 as order_count,
        0 as cancellation_count,
        0 as refund_count,
        0 as adjustment_count,
        0 as unit_count,
        0 as returned_unit_count,
        0 as gross_amount,
        0 as discount_amount,
        0 as cancelled_amount,
        0 as refunded_amount,
        0 as adjusted_amount,
        0 as net_amount,
        -unit_count as order_day_returned_unit_count,
        -net_amount as order_day_returned_amount,
        0 as costed_net_amount,
        0 as cost_amount,
        null as buyer_id,
        null as order_amount
    from documents
    where order_kind in ('cancellation', 'refund')

),

costs as (

    select
        order_date,
        currency,
        channel,
        customer_type,
        0 as order_count,
        0 as cancellation_count,
        0 as refund_count,
        0 as adjustment_count,
        0 as unit_count,
        0 as returned_unit_count,
        0 as gross_amount,
        0 as discount_amount,
        0 as cancelled_amount,
        0 as refunded_amount,
        0 as adjusted_amount,
        0 as net_amount,
        0 as order_day_returned_unit_count,
        0 as order_day_returned_amount,
        net_amount - coalesce(tax_amount, 0) as costed_net_amount,
        cost_amount,
        null as buyer_id,
        null as order_amount
    from lines

),

parts as (

    select * from by_event_day
    union all
    select * from by_order_day
    union all
    select * from costs

),

totals as (

    select
        order_date,
        currency,
        case when grouping(channel) = 1 then 'all' else channel end as channel,
        case when grouping(customer_type) = 1 then 'all' else customer_type end
            as customer_type,
        cast(sum(order_count) as bigint) as order_count,
        cast(sum(cancellation_count) as bigint) as cancellation_count,
        cast(sum(refund_count) as bigint) as refund_count,
        cast(sum(adjustment_count) as bigint) as adjustment_count,
        cast(sum(unit_count) as decimal(18, 3)) as unit_count,
        cast(sum(returned_unit_count) as decimal(18, 3)) as returned_unit_count,
        cast(sum(gross_amount) as decimal(18, 4)) as gross_amount,
        cast(sum(discount_amount) as decimal(18, 4)) as discount_amount,
        cast(sum(cancelled_amount) as decimal(18, 4)) as cancelled_amount,
        cast(sum(refunded_amount) as decimal(18, 4)) as refunded_amount,
        cast(sum(adjusted_amount) as decimal(18, 4)) as adjusted_amount,
        cast(sum(net_amount) as decimal(18, 4)) as net_amount,
        cast(sum(order_day_returned_unit_count) as decimal(18, 3))
            as order_day_returned_unit_count,
        cast(sum(order_day_returned_amount) as decimal(18, 4)) as order_day_returned_amount,
        cast(sum(costed_net_amount) as decimal(18, 4)) as costed_net_amount,
        cast(sum(cost_amount) as decimal(18, 4)) as cost_amount,
        distinct_sketch(buyer_id) as buyer_sketch,
        quantile_sketch(order_amount) as order_amount_sketch
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
        *,
        cast(
            gross_amount - discount_amount - order_day_returned_amount + adjusted_amount
            as decimal(18, 4)
        ) as order_day_net_amount,
        cast(
            case
                when order_count > 0 and order_count >= $minimum_sample_size
                    then (gross_amount - discount_amount) / order_count
            end as decimal(18, 4)
        ) as average_order_amount,
        cast(
            case
                when order_count > 0 and order_count >= $minimum_sample_size
                    then unit_count / order_count
            end as decimal(18, 4)
        ) as average_unit_count,
        cast(
            case
                when gross_amount > 0 and order_count >= $minimum_sample_size
                    then discount_amount / gross_amount
            end as decimal(9, 6)
        ) as discount_share,
        cast(
            case
                when costed_net_amount <> 0 or cost_amount <> 0
                    then costed_net_amount - cost_amount
            end as decimal(18, 4)
        ) as margin_amount,
        cast(
            case
                when costed_net_amount > 0 and order_count >= $minimum_sample_size
                    then (costed_net_amount - cost_amount) / costed_net_amount
            end as decimal(18, 6)
        ) as margin_share,
        distinct_estimate(buyer_sketch) as buyer_count,
        cast(
            case
                when order_count > 0 and order_count >= $minimum_sample_size
                    then quantile_of(order_amount_sketch, 0.5)
            end as decimal(18, 4)
        ) as median_order_amount,
        cast(
            case
                when order_count > 0 and order_count >= $minimum_sample_size
                    then quantile_of(order_amount_sketch, 0.9)
            end as decimal(18, 4)
        ) as p90_order_amount,
        cast(
            case
                when order_count > 0 and order_count >= $minimum_sample_size
                    then quantile_lower(order_amount_sketch, 0.5, $confidence_z)
            end as decimal(18, 4)
        ) as median_order_amount_lower,
        cast(
            case
                when order_count > 0 and order_count >= $minimum_sample_size
                    then quantile_upper(order_amount_sketch, 0.5, $confidence_z)
            end as decimal(18, 4)
        ) as median_order_amount_upper
    from totals

)

select * from revenue
order by order_date, currency, channel, customer_type
