-- Grain: one row per account and day of the last 365 on which points were earned.
-- Yesterday's rows and today's entries.
with

entries as (

    select record_id, source, points, entry_date
    from staging.loyalty_entries
    where dt = $run_date and record_id is not null and entry_kind = 'earned' and points > 0

),

known as (

    select *
    from marts.record_points
    where dt = $run_date - interval '1 day'

),

combined as (

    select record_id, source, earned_date, earned_points
    from known
    union all
    select record_id, source, entry_date as earned_date, points as earned_points
    from entries

),

earned_by_day as (

    select
        record_id,
        earned_date,
        min(source) as source,
        cast(sum(earned_points) as bigint) as earned_points
    from combined
    where earned_date > $run_date - interval '365 days'
    group by record_id, earned_date

)

select * from earned_by_day
order by record_id, earned_date
