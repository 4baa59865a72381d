-- Grain: one row per purchase that became known on the day, or was added to, and touch of marketing
-- that led to it, in their order. A purchase without any has no row.
with

purchases as (

    select order_id, customer_id, order_date, ordered_at
    from marts.orders
    where dt = $run_date and order_kind = 'purchase' and customer_id is not null

),

mapped as (

    select record_id, customer_id
    from identity.identity_map
    where dt = $run_date

),

-- What is added to a purchase within `resend_days` finds the touches that the purchase found.
touches as (

    select
        dt as known_date, record_id, touchpoint_id, marketing_channel, campaign_id, touch_date,
        touched_at
    from marts.touchpoints
    where
        dt <= $run_date
        and dt >= cast(cast($run_date as int) - $attribution_window_days - $resend_days as date)
        and marketing_channel is not null
        and record_id is not null

),

buyers as (

    select mapped.record_id, mapped.customer_id
    from mapped
    left semi join purchases on mapped.customer_id = purchases.customer_id

),

touches_of_buyers as (

    select
        buyers.customer_id,
        touches.touchpoint_id,
        touches.marketing_channel,
        touches.campaign_id,
        touches.touch_date,
        touches.touched_at,
        row_number() over (
            partition by buyers.customer_id, touches.touchpoint_id
            order by touches.known_date
        ) as telling
    from touches
    inner join buyers on touches.record_id = buyers.record_id

),

placed as (

    select
        purchases.order_id,
        purchases.customer_id,
        row_number() over (
            partition by purchases.order_id
            order by
                touches_of_buyers.touch_date,
                touches_of_buyers.touched_at nulls first,
                touches_of_buyers.touchpoint_id
        ) as place,
        count(*) over (partition by purchases.order_id) as touch_count,
        touches_of_buyers.touchpoint_id,
        touches_of_buyers.marketing_channel as channel,
        touches_of_buyers.campaign_id,
        touches_of_buyers.touch_date,
        days_between(touches_of_buyers.touch_date, purchases.order_date) as days_before
    from purchases
    inner join touches_of_buyers on purchases.customer_id = touches_of_buyers.customer_id
    where
        touches_of_buyers.telling = 1
        and touches_of_buyers.touch_date
        >= cast(cast(purchases.order_date as int) - $attribution_window_days as date)
        and (
            touches_of_buyers.touch_date < purchases.order_date
            or (
                touches_of_buyers.touch_date = purchases.order_date
                and coalesce(touches_of_buyers.touched_at <= purchases.ordered_at, true)
            )
        )

)

select * from placed
order by order_id, place
