-- Grain: one row per record and hour of the business's day in which it ever turned to the brand.
-- Yesterday's totals and today's events that have a time.
with

interactions as (

    select
        record_id,
        source,
        cast(date_part('hour', occurred_at at time zone $time_zone) as bigint) as hour_of_day
    from staging.interactions
    where
        dt = $run_date
        and record_id is not null
        and is_direct
        and is_initiated_by_customer
        and occurred_at is not null

),

known as (

    select *
    from marts.record_hours
    where dt = $run_date - interval '1 day'

),

combined as (

    select record_id, hour_of_day, source, initiated_count
    from known
    union all
    select record_id, hour_of_day, source, 1 as initiated_count
    from interactions

),

totals as (

    select
        record_id,
        hour_of_day,
        min(source) as source,
        cast(sum(initiated_count) as bigint) as initiated_count
    from combined
    group by record_id, hour_of_day

)

select * from totals
order by record_id, hour_of_day
