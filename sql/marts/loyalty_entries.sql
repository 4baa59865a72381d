-- Grain: one row per movement of points that became known on the day.
-- Zero points move nothing. Null customer_id: the account is nobody's that is known.
with

facts as (

    select *
    from staging.loyalty_entries
    where dt = $run_date

),

mapped as (

    select record_id, customer_id
    from identity.identity_map
    where dt = $run_date

),

owned as (

    select
        facts.entry_id,
        facts.source,
        facts.record_id,
        mapped.customer_id,
        facts.entry_kind,
        facts.points,
        facts.order_id,
        facts.entered_at,
        facts.entry_date
    from facts
    left join mapped on facts.record_id = mapped.record_id

)

select * from owned
order by entry_id
