-- Grain: one row per stage, touchpoint and kind of contact; `all` is a total.
-- The `journey_map_days` days up to dt beside the benchmark period and the declared targets. Null
-- mean: too few.
with

touchpoints as (

    select *
    from marts.touchpoints
    where
        dt <= $run_date
        and dt > cast(cast($run_date as int) - $journey_map_days as date)
        and touch_date > cast(cast($run_date as int) - $journey_map_days as date)

),

-- As it was known at the end of that period, like the other.
benchmark_touchpoints as (

    select *
    from marts.touchpoints
    where
        dt <= cast(cast($run_date as int) - $journey_benchmark_days as date)
        and dt > cast(
            cast($run_date as int) - $journey_benchmark_days - $journey_map_days as date
        )
        and touch_date > cast(
            cast($run_date as int) - $journey_benchmark_days - $journey_map_days as date
        )

),

mapped as (

    select record_id, customer_id
    from identity.identity_map
    where dt = $run_date

),

targets as (

    select *
    from marts.journey_targets
    where dt = $run_date

),

both_periods as (

    select *, true as is_now
    from touchpoints
    union all
    select *, false as is_now
    from benchmark_touchpoints

),

judged as (

    select
        life_cycle_stage,
        touchpoint,
        case when is_direct then 'direct' else 'indirect' end as contact,
        record_id,
        is_now,
        sentiment,
        case when coalesce(metric, 'csat') = 'csat' then rating_share end as rating,
        case when metric = 'ces' then rating_share end as ease,
        coalesce(sentiment <= -0.05, false)
        or coalesce(rating_share <= 0.25 and coalesce(metric, 'csat') <> 'nps', false)
            as is_pain
    from both_periods

),

totals as (

    select
        case when grouping(life_cycle_stage) = 1 then 'all' else life_cycle_stage end
            as life_cycle_stage,
        case when grouping(touchpoint) = 1 then 'all' else touchpoint end as touchpoint,
        case when grouping(contact) = 1 then 'all' else contact end as contact,
        count(case when is_now then 1 end) as touch_count,
        count(case when is_now then sentiment end) as sentiment_count,
        cast(coalesce(sum(case when is_now then sentiment end), 0) as decimal(18, 4))
            as sentiment_sum,
        count(case when is_now then rating end) as rating_count,
        cast(coalesce(sum(case when is_now then rating end), 0) as decimal(18, 6))
            as rating_sum,
        count(case when is_now then ease end) as ease_count,
        cast(coalesce(sum(case when is_now then ease end), 0) as decimal(18, 6))
            as ease_sum,
        count(case when is_now and is_pain then 1 end) as pain_count,
        count(case when not is_now then 1 end) as benchmark_touch_count,
        count(case when not is_now then sentiment end) as benchmark_sentiment_count,
        cast(coalesce(sum(case when not is_now then sentiment end), 0) as decimal(18, 4))
            as benchmark_sentiment_sum,
        count(case when not is_now then rating end) as benchmark_rating_count,
        cast(coalesce(sum(case when not is_now then rating end), 0) as decimal(18, 6))
            as benchmark_rating_sum,
        count(case when not is_now then ease end) as benchmark_ease_count,
        cast(coalesce(sum(case when not is_now then ease end), 0) as decimal(18, 6))
            as benchmark_ease_sum,
        count(case when not is_now and is_pain then 1 end) as benchmark_pain_count
    from judged
    group by grouping sets (
        (life_cycle_stage, touchpoint, contact),
        (life_cycle_stage, touchpoint),
        (life_cycle_stage),
        ()
    )

),

met as (

    select
        judged.life_cycle_stage,
        judged.touchpoint,
        judged.contact,
        mapped.customer_id
    from judged
    inner join mapped on judged.record_id = mapped.record_id
    where judged.is_now
    group by
        judged.life_cycle_stage, judged.touchpoint, judged.contact, mapped.customer_id

),

met_once as (

    select
        case when grouping(life_cycle_stage) = 1 then 'all' else life_cycle_stage end
            as life_cycle_stage,
        case when grouping(touchpoint) = 1 then 'all' else touchpoint end as touchpoint,
        case when grouping(contact) = 1 then 'all' else contact end as contact,
        customer_id
    from met
    group by grouping sets (
        (life_cycle_stage, touchpoint, contact, customer_id),
        (life_cycle_stage, touchpoint, customer_id),
        (life_cycle_stage, customer_id),
        (customer_id)
    )

),

customers as (

    select life_cycle_stage, touchpoint, contact, count(*) as customer_count
    from met_once
    group by life_cycle_stage, touchpoint, contact

),

valued as (

    select
        *,
        cast(
            case
                when sentiment_count > 0 and sentiment_count >= $minimum_sample_size
                    then cast(sentiment_sum as decimal(24, 6)) / sentiment_count
            end as decimal(9, 4)
        ) as sentiment_mean,
        cast(
            case
                when rating_count > 0 and rating_count >= $minimum_sample_size
                    then cast(rating_sum as decimal(24, 6)) / rating_count
            end as decimal(9, 6)
        ) as rating_mean,
        cast(
            case
                when ease_count > 0 and ease_count >= $minimum_sample_size
                    then cast(ease_sum as decimal(24, 6)) / ease_count
            end as decimal(9, 6)
        ) as ease_mean,
        cast(
            case
                when touch_count > 0 and touch_count >= $minimum_sample_size
                    then cast(pain_count as decimal(18, 6)) / touch_count
            end as decimal(9, 6)
        ) as pain_share,
        cast(
            case
                when
                    benchmark_sentiment_count > 0
                    and benchmark_sentiment_count >= $minimum_sample_size
                    then cast(benchmark_sentiment_sum as decimal(24, 6))
                        / benchmark_sentiment_count
            end as decimal(9, 4)
        ) as benchmark_sentiment_mean,
        cast(
            case
                when benchmark_rating_count > 0 and benchmark_rating_count >= $minimum_sample_size
                    then cast(benchmark_rating_sum as decimal(24, 6)) / benchmark_rating_count
            end as decimal(9, 6)
        ) as benchmark_rating_mean,
        cast(
            case
                when benchmark_ease_count > 0 and benchmark_ease_count >= $minimum_sample_size
                    then cast(benchmark_ease_sum as decimal(24, 6)) / benchmark_ease_count
            end as decimal(9, 6)
        ) as benchmark_ease_mean,
        cast(
            case
                when benchmark_touch_count > 0 and benchmark_touch_count >= $minimum_sample_size
                    then cast(benchmark_pain_count as decimal(18, 6)) / benchmark_touch_count
            end as decimal(9, 6)
        ) as benchmark_pain_share
    from totals

),

map as (

    select
        valued.*,
        coalesce(customers.customer_count, 0) as customer_count,
        targets.rating_target,
        targets.ease_target,
        targets.sentiment_target,
        cast(valued.rating_mean - targets.rating_target as decimal(9, 6)) as rating_gap,
        cast(valued.ease_mean - targets.ease_target as decimal(9, 6)) as ease_gap,
        cast(valued.sentiment_mean - targets.sentiment_target as decimal(9, 4))
            as sentiment_gap,
        days_between($first_input_date, $run_date)
        >= $journey_benchmark_days + $journey_map_days - 1 as is_mature
    from valued
    left join customers
        on
            valued.life_cycle_stage = customers.life_cycle_stage
            and valued.touchpoint = customers.touchpoint
            and valued.contact = customers.contact
    left join targets
        on
            valued.life_cycle_stage = targets.life_cycle_stage
            and valued.touchpoint = targets.touchpoint
            and valued.contact = 'all'
    where valued.touch_count + valued.benchmark_touch_count > 0

)

select * from map
order by life_cycle_stage, touchpoint, contact
