-- Grain: one row per time that a customer did something for points, or with them.
-- Points of an order are told by the order; that points expire or are adjusted is bookkeeping.
with

entries as (

    select *
    from staging.loyalty_entries
    where dt = $run_date and order_id is null and entry_kind in ('earned', 'redeemed')

),

events as (

    select
        'points_' || entry_kind || ':' || entry_id as interaction_id,
        source,
        record_id,
        'points_' || entry_kind as interaction_kind,
        'loyalty' as channel,
        'loyalty' as touchpoint,
        entered_at as occurred_at,
        entry_date as interaction_date,
        true as is_direct,
        true as is_initiated_by_customer,
        'retention' as life_cycle_stage,
        false as has_text
    from entries

)

select * from events
order by interaction_id
