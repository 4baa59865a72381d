-- Grain: one row per marketing channel on the paths of customers; `all` is the whole.
-- Over the `attribution_window_days` days up to dt. Null effect: too few paths led to a purchase.
-- Zero: without the channel no purchase would be lost.
with

touches as (

    select record_id, touchpoint_id, marketing_channel, touch_date, touched_at
    from marts.touchpoints
    where
        dt <= $run_date
        and dt > cast(cast($run_date as int) - $attribution_window_days as date)
        and touch_date <= $run_date
        and touch_date > cast(cast($run_date as int) - $attribution_window_days as date)
        and marketing_channel is not null
        and record_id is not null

),

purchases as (

    select record_id, order_id, order_date, ordered_at
    from marts.orders
    where
        dt <= $run_date
        and dt > cast(cast($run_date as int) - $attribution_window_days as date)
        and order_date <= $run_date
        and order_date > cast(cast($run_date as int) - $attribution_window_days as date)
        and order_kind = 'purchase'
        and is_new
        and record_id is not null

),

mapped as (

    select record_id, customer_id
    from identity.identity_map
    where dt = $run_date

),

-- Of one day, what has no time goes: a touch before the others, a purchase after them.
steps as (

    select
        record_id,
        touchpoint_id as step_id,
        marketing_channel as channel,
        touch_date as step_date,
        touched_at as step_at,
        case when touched_at is null then 0 else 1 end as place,
        0 as purchase_count
    from touches
    union all
    select
        record_id,
        order_id as step_id,
        cast(null as varchar) as channel,
        order_date as step_date,
        ordered_at as step_at,
        case when ordered_at is null then 2 else 1 end as place,
        1 as purchase_count
    from purchases

),

-- A path ends with a purchase, and the next begins after it.
numbered as (

    select
        mapped.customer_id,
        steps.*,
        sum(steps.purchase_count) over (
            partition by mapped.customer_id
            order by
                steps.step_date,
                steps.place,
                steps.step_at,
                steps.purchase_count,
                steps.step_id
            rows between unbounded preceding and current row
        ) - steps.purchase_count as path_number
    from steps
    inner join mapped on steps.record_id = mapped.record_id

),

paths as (

    select
        customer_id,
        path_number,
        array_agg(channel order by step_date, place, step_at, step_id)
            filter (where purchase_count = 0) as channels,
        max(purchase_count) = 1 as is_converted
    from numbered
    group by customer_id, path_number
    having min(purchase_count) = 0

),

chain as (

    select
        count(*) as path_count,
        count(case when is_converted then 1 end) as converted_path_count,
        markov_transitions(channels, is_converted) as transition_counts
    from paths

),

effects as (

    select
        unnest(markov_channels(transition_counts)) as channel,
        unnest(markov_removal_effects(transition_counts)) as removal_effect
    from chain
    where converted_path_count >= $minimum_sample_size

),

rounded as (

    select channel, cast(removal_effect as decimal(9, 6)) as removal_effect
    from effects

),

effect_sum as (

    select sum(removal_effect) as removal_effect_sum
    from rounded

),

visits as (

    select customer_id, path_number, channel
    from numbered
    where purchase_count = 0
    group by customer_id, path_number, channel

),

channels as (

    select
        visits.channel,
        count(*) as path_count,
        count(case when paths.is_converted then 1 end) as converted_path_count
    from visits
    inner join paths
        on visits.customer_id = paths.customer_id and visits.path_number = paths.path_number
    group by visits.channel

),

parts as (

    select
        channels.channel,
        channels.path_count,
        channels.converted_path_count,
        cast(null as varchar[]) as transition_counts,
        rounded.removal_effect,
        cast(
            case
                when effect_sum.removal_effect_sum > 0
                    then cast(rounded.removal_effect as decimal(18, 12))
                        / effect_sum.removal_effect_sum
            end as decimal(9, 6)
        ) as credit_share
    from channels
    left join rounded on channels.channel = rounded.channel
    cross join effect_sum
    union all
    select
        'all' as channel,
        path_count,
        converted_path_count,
        transition_counts,
        cast(null as decimal(9, 6)) as removal_effect,
        cast(null as decimal(9, 6)) as credit_share
    from chain
    where path_count > 0

),

attribution_effects as (

    select
        parts.channel,
        parts.path_count,
        parts.converted_path_count,
        parts.transition_counts,
        parts.removal_effect,
        parts.credit_share,
        days_between($first_input_date, $run_date) >= $attribution_window_days - 1 as is_mature
    from parts

)

select * from attribution_effects
order by channel
