-- Grain: one row per record that ever bought.
-- Yesterday's totals and today's documents; history is not read again. Zero margin columns: the
-- cost of nothing it bought is known. `direct`: no touch of marketing went before.
with

documents as (

    select *
    from marts.orders
    where dt = $run_date and record_id is not null and order_kind <> 'adjustment'

),

lines as (

    select *
    from marts.order_lines
    where
        dt = $run_date
        and record_id is not null
        and order_kind <> 'adjustment'
        and currency = $reporting_currency
        and cost_amount is not null

),

known as (

    select *
    from marts.record_acquisitions
    where dt = $run_date - interval '1 day'

),

mapped as (

    select record_id, customer_id
    from identity.identity_map
    where dt = $run_date

),

touches as (

    select record_id, touchpoint_id, marketing_channel, campaign_id, touch_date, touched_at
    from marts.touchpoints
    where
        dt <= $run_date
        and dt >= cast(cast($run_date as int) - $attribution_window_days - $resend_days as date)
        and marketing_channel is not null
        and record_id is not null

),

ranked_purchases as (

    select
        documents.record_id,
        documents.customer_id,
        documents.order_id,
        documents.order_date,
        documents.ordered_at,
        row_number() over (
            partition by documents.record_id
            order by documents.order_date, documents.ordered_at nulls last, documents.order_id
        ) as place
    from documents
    left anti join known on documents.record_id = known.record_id
    where documents.is_new and documents.order_kind = 'purchase'

),

first_purchases as (

    select *
    from ranked_purchases
    where place = 1

),

touches_of_customers as (

    select
        mapped.customer_id,
        touches.touchpoint_id,
        touches.marketing_channel,
        touches.campaign_id,
        touches.touch_date,
        touches.touched_at
    from touches
    inner join mapped on touches.record_id = mapped.record_id
    left semi join first_purchases on mapped.customer_id = first_purchases.customer_id

),

ranked_touches as (

    select
        first_purchases.record_id,
        touches_of_customers.marketing_channel,
        touches_of_customers.campaign_id,
        row_number() over (
            partition by first_purchases.record_id
            order by
                touches_of_customers.touch_date desc,
                touches_of_customers.touched_at desc nulls last,
                touches_of_customers.touchpoint_id desc
        ) as recency
    from first_purchases
    inner join touches_of_customers
        on first_purchases.customer_id = touches_of_customers.customer_id
    where
        touches_of_customers.touch_date
        >= cast(cast(first_purchases.order_date as int) - $attribution_window_days as date)
        and (
            touches_of_customers.touch_date < first_purchases.order_date
            or (
                touches_of_customers.touch_date = first_purchases.order_date
                and coalesce(
                    touches_of_customers.touched_at <= first_purchases.ordered_at, true
                )
            )
        )

),

last_touches as (

    select record_id, marketing_channel, campaign_id
    from ranked_touches
    where recency = 1

),

acquired_today as (

    select
        first_purchases.record_id,
        $run_date as first_known_date,
        first_purchases.order_date as first_order_date,
        coalesce(last_touches.marketing_channel, 'direct') as channel,
        last_touches.campaign_id
    from first_purchases
    left join last_touches on first_purchases.record_id = last_touches.record_id

),

sums_today as (

    select
        record_id,
        sum(case when order_kind = 'purchase' and is_new then 1 else 0 end) as order_count,
        min(case when order_kind = 'purchase' and is_new then order_date end)
            as first_order_date,
        sum(case when currency = $reporting_currency then net_amount else 0 end) as net_amount
    from documents
    group by record_id

),

costs_today as (

    select
        record_id,
        sum(net_amount - coalesce(tax_amount, 0)) as costed_net_amount,
        sum(cost_amount) as cost_amount
    from lines
    group by record_id

),

bought as (

    select
        record_id, first_known_date, first_order_date, channel, campaign_id, order_count,
        net_amount, costed_net_amount, cost_amount
    from known
    union all
    select
        record_id, first_known_date, first_order_date, channel, campaign_id, 0 as order_count,
        0 as net_amount, 0 as costed_net_amount, 0 as cost_amount
    from acquired_today

),

acquisitions as (

    select
        bought.record_id,
        bought.first_known_date,
        -- An earlier purchase that becomes known later moves the day, and not the channel.
        least(
            bought.first_order_date,
            coalesce(sums_today.first_order_date, bought.first_order_date)
        ) as first_order_date,
        bought.channel,
        bought.campaign_id,
        cast(bought.order_count + coalesce(sums_today.order_count, 0) as bigint)
            as order_count,
        cast(bought.net_amount + coalesce(sums_today.net_amount, 0) as decimal(18, 4))
            as net_amount,
        cast(
            bought.costed_net_amount + coalesce(costs_today.costed_net_amount, 0)
            as decimal(18, 4)
        ) as costed_net_amount,
        cast(bought.cost_amount + coalesce(costs_today.cost_amount, 0) as decimal(18, 4))
            as cost_amount
    from bought
    left join sums_today on bought.record_id = sums_today.record_id
    left join costs_today on bought.record_id = costs_today.record_id

)

select * from acquisitions
order by record_id
