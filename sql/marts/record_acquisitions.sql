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

last_touches as (

    select order_id, channel, campaign_id
    from marts.purchase_touches
    where dt = $run_date and place = touch_count

),

ranked_purchases as (

    select
        documents.record_id,
        documents.order_id,
        documents.order_date,
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

acquired_today as (

    select
        first_purchases.record_id,
        $run_date as first_known_date,
        first_purchases.order_date as first_order_date,
        coalesce(last_touches.channel, 'direct') as channel,
        last_touches.campaign_id
    from first_purchases
    left join last_touches on first_purchases.order_id = last_touches.order_id

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
