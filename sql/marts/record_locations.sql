-- Grain: one row per record and store where it bought or was located.
-- Yesterday's totals and today's facts. Zero is none.
with

orders as (

    select record_id, store, source, order_date
    from staging.new_orders
    where
        dt = $run_date
        and is_new
        and record_id is not null
        and store is not null
        and order_kind = 'purchase'

),

stays as (

    select record_id, store, source, event_date
    from staging.device_events
    where
        dt = $run_date
        and record_id is not null
        and store is not null
        and event_kind = 'geolocation'

),

known as (

    select *
    from marts.record_locations
    where dt = $run_date - interval '1 day'

),

combined as (

    select record_id, store, source, purchase_count, stay_count, last_date
    from known
    union all
    select
        record_id, store, source, 1 as purchase_count, 0 as stay_count,
        order_date as last_date
    from orders
    union all
    select
        record_id, store, source, 0 as purchase_count, 1 as stay_count,
        event_date as last_date
    from stays

),

locations as (

    select
        record_id,
        store,
        min(source) as source,
        cast(sum(purchase_count) as bigint) as purchase_count,
        cast(sum(stay_count) as bigint) as stay_count,
        max(last_date) as last_date
    from combined
    group by record_id, store

)

select * from locations
order by record_id, store
