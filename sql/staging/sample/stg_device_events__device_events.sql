-- Grain: one row per thing that a device reported.
-- What the value means, the kind of the event says.
with

device_events as (

    select
        *,
        normalize_identifier(replace(owner_card, ' ', '')) as loyalty_id
    from raw.device_events
    where dt = $run_date

),

renamed as (

    select
        'devices:' || event_id as event_id,
        'devices' as source,
        'devices:card-' || loyalty_id as record_id,
        loyalty_id,
        'devices:' || device as device_id,
        kind as event_kind,
        store,
        'catalogue:' || sku as product_id,
        case kind
            when 'geolocation' then cast(round(value * 60) as bigint)
            when 'video_view' then cast(round(value) as bigint)
        end as duration_seconds,
        case kind when 'sensor' then value end as reading,
        case when kind = 'sensor' and value is not null then 'celsius' end as reading_unit,
        happened_at,
        business_date(happened_at, $time_zone) as event_date
    from device_events

)

select * from renamed
order by event_id
