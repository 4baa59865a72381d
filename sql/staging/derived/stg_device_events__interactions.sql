-- Grain: one row per stay in a store, and per video that was watched.
-- A tag that was read and a sensor's measurement are no contacts.
with

device_events as (

    select *
    from staging.device_events
    where dt = $run_date and event_kind in ('geolocation', 'video_view')

),

told as (

    select
        *,
        case event_kind when 'geolocation' then 'store_visited' else 'video_watched' end
            as interaction_kind
    from device_events

),

events as (

    select
        interaction_kind || ':' || event_id as interaction_id,
        source,
        record_id,
        interaction_kind,
        case interaction_kind when 'store_visited' then 'store' else 'video' end as channel,
        case interaction_kind when 'store_visited' then 'store visit' else 'video' end
            as touchpoint,
        happened_at as occurred_at,
        event_date as interaction_date,
        true as is_direct,
        true as is_initiated_by_customer,
        case interaction_kind when 'store_visited' then 'consideration' else 'awareness' end
            as life_cycle_stage,
        false as has_text,
        product_id
    from told

)

select * from events
order by interaction_id
