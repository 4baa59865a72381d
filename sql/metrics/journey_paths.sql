-- Grain: one row per pair of steps of which one directly followed the other.
-- Of the touchpoints of the 28 days up to dt, each customer's in order of time.
with

touchpoints as (

    select record_id, touchpoint_id, step, touched_at, touch_date, dt
    from marts.touchpoints
    where
        dt <= $run_date
        and dt > $run_date - interval '28 days'
        and touch_date > $run_date - interval '28 days'
        and record_id is not null

),

mapped as (

    select record_id, customer_id
    from identity.identity_map
    where dt = $run_date

),

-- A step whose time is not known comes first of its day.
followed as (

    select
        mapped.customer_id,
        touchpoints.step as from_step,
        touchpoints.touched_at as from_at,
        lead(touchpoints.step) over customer_line as to_step,
        lead(touchpoints.touched_at) over customer_line as to_at,
        lag(touchpoints.step) over customer_line is null as is_first
    from touchpoints
    inner join mapped on touchpoints.record_id = mapped.record_id
    window customer_line as (
        partition by mapped.customer_id
        order by
            touchpoints.touch_date,
            touchpoints.touched_at nulls first,
            touchpoints.touchpoint_id
    )

),

transitions as (

    select
        customer_id,
        from_step,
        coalesce(to_step, '(end)') as to_step,
        seconds_between(from_at, to_at) as seconds_taken
    from followed
    union all
    select
        customer_id,
        '(start)' as from_step,
        from_step as to_step,
        cast(null as bigint) as seconds_taken
    from followed
    where is_first

),

by_customer as (

    select customer_id, from_step, to_step
    from transitions
    group by customer_id, from_step, to_step

),

customers as (

    select
        from_step,
        to_step,
        count(*) as customer_count
    from by_customer
    group by from_step, to_step

),

times as (

    select
        from_step,
        to_step,
        count(*) as transition_count,
        count(seconds_taken) as timed_count,
        cast(coalesce(sum(seconds_taken), 0) as bigint) as total_seconds,
        quantile_sketch(seconds_taken) as second_sketch
    from transitions
    group by from_step, to_step

),

totals as (

    select times.*, customers.customer_count
    from times
    inner join customers
        on times.from_step = customers.from_step and times.to_step = customers.to_step

),

from_totals as (

    select from_step, sum(transition_count) as from_count
    from totals
    group by from_step

),

paths as (

    select
        totals.from_step,
        totals.to_step,
        totals.transition_count,
        totals.customer_count,
        totals.timed_count,
        totals.total_seconds,
        totals.second_sketch,
        cast(
            case
                when timed_count > 0 and timed_count >= $minimum_sample_size
                    then cast(total_seconds as decimal(24, 6)) / timed_count / 3600
            end as decimal(18, 4)
        ) as mean_hours,
        cast(
            case
                when timed_count > 0 and timed_count >= $minimum_sample_size
                    then quantile_of(second_sketch, 0.5) / 3600
            end as decimal(18, 4)
        ) as median_hours,
        cast(
            case
                when timed_count > 0 and timed_count >= $minimum_sample_size
                    then quantile_of(second_sketch, 0.9) / 3600
            end as decimal(18, 4)
        ) as p90_hours,
        cast(
            case
                when from_totals.from_count >= $minimum_sample_size
                    then cast(totals.transition_count as decimal(18, 6)) / from_totals.from_count
            end as decimal(9, 6)
        ) as from_share,
        totals.from_step = totals.to_step as is_loop,
        days_between($first_input_date, $run_date) >= 27 as is_mature
    from totals
    inner join from_totals on totals.from_step = from_totals.from_step

)

select * from paths
order by from_step, to_step
