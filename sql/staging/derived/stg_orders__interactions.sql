-- Grain: one row per order document that is a contact with a customer.
-- Adjustments are bookkeeping: no customer meets anybody, so they are left out. What is added
-- to a document of an earlier day is no contact either.
with

orders as (

    select *
    from staging.new_orders
    where dt = $run_date and is_new and order_kind in ('purchase', 'cancellation', 'refund')

),

events as (

    select
        'order_' || order_kind || ':' || order_id as interaction_id,
        source,
        record_id,
        'order_' || order_kind as interaction_kind,
        channel,
        case order_kind when 'purchase' then 'checkout' else 'return' end as touchpoint,
        ordered_at as occurred_at,
        order_date as interaction_date,
        true as is_direct,
        true as is_initiated_by_customer,
        case order_kind when 'purchase' then 'purchase' else 'retention' end as life_cycle_stage,
        net_amount as value_amount,
        currency,
        false as has_text,
        order_id
    from orders

)

select * from events
order by interaction_id
