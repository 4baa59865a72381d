-- Grain: one row per account and day on which points came in, as far as they may still count.
-- Yesterday's rows and today's entries. Days too long ago to matter are one row, of 1970-01-01.
with

entries as (

    select record_id, source, entry_kind, points, entry_date
    from staging.loyalty_entries
    where dt = $run_date and record_id is not null and points > 0

),

known as (

    select *
    from marts.record_points
    where dt = $run_date - interval '1 day'

),

combined as (

    select record_id, source, earned_date, points, earned_points
    from known
    union all
    select
        record_id,
        source,
        entry_date as earned_date,
        points,
        case when entry_kind = 'earned' then points else 0 end as earned_points
    from entries

),

dated as (

    select
        record_id,
        source,
        case
            when
                days_between(earned_date, $run_date) > $points_valid_days
                and days_between(earned_date, $run_date) > 365
                then cast('1970-01-01' as date)
            else earned_date
        end as earned_date,
        points,
        earned_points
    from combined

),

points_by_day as (

    select
        record_id,
        earned_date,
        min(source) as source,
        cast(sum(points) as bigint) as points,
        cast(sum(earned_points) as bigint) as earned_points
    from dated
    group by record_id, earned_date

)

select * from points_by_day
order by record_id, earned_date
