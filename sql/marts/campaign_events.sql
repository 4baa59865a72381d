-- Grain: one row per thing that came of a campaign's message that became known on the day.
-- Null customer_id: the event does not say whose it is.
with

facts as (

    select *
    from staging.campaign_events
    where dt = $run_date

),

mapped as (

    select record_id, customer_id
    from identity.identity_map
    where dt = $run_date

),

owned as (

    select
        facts.campaign_event_id,
        facts.source,
        facts.record_id,
        mapped.customer_id,
        facts.campaign_id,
        facts.channel,
        facts.event_kind,
        facts.happened_at,
        facts.event_date
    from facts
    left join mapped on facts.record_id = mapped.record_id

)

select * from owned
order by campaign_event_id
