-- Grain: one row per movement of points.
with

entries as (

    select
        *,
        normalize_identifier(replace(card, ' ', '')) as loyalty_id
    from raw.loyalty_entries
    where dt = $run_date

),

renamed as (

    select
        'loyalty:' || entry as entry_id,
        'loyalty' as source,
        'loyalty:' || loyalty_id as record_id,
        loyalty_id,
        kind as entry_kind,
        points,
        'order:' || order_number as order_id,
        entered_at,
        business_date(entered_at, $time_zone) as entry_date
    from entries

)

select * from renamed
order by entry_id
