-- Grain: one row per record and device it was seen with in the last 365 days.
-- Yesterday's rows and today's events.
with

seen_today as (

    select record_id, device_id, source, event_date
    from staging.web_events
    where dt = $run_date and record_id is not null and device_id is not null
    union all
    select record_id, device_id, source, event_date
    from staging.device_events
    where dt = $run_date and record_id is not null

),

known as (

    select *
    from marts.record_devices
    where dt = $run_date - interval '1 day'

),

combined as (

    select record_id, device_id, source, first_seen_date, last_seen_date
    from known
    union all
    select
        record_id,
        device_id,
        source,
        event_date as first_seen_date,
        event_date as last_seen_date
    from seen_today

),

devices as (

    select
        record_id,
        device_id,
        min(source) as source,
        min(first_seen_date) as first_seen_date,
        max(last_seen_date) as last_seen_date
    from combined
    group by record_id, device_id

)

select * from devices
where last_seen_date > $run_date - interval '365 days'
order by record_id, device_id
