-- Grain: one row per message that somebody unsubscribed by, or complained about.
-- Both take back the consent to marketing on the message's channel, whether or not a system of
-- consents hears of it.
with

refusals as (

    select *
    from staging.campaign_events
    where dt = $run_date and event_kind in ('unsubscribed', 'complained')

),

withdrawals as (

    select
        'campaign_' || event_kind || ':' || campaign_event_id as consent_id,
        source,
        record_id,
        customer_number,
        linked_customer_number,
        email,
        phone,
        loyalty_id,
        handle,
        'marketing' as purpose,
        channel,
        'withdrawn' as action,
        happened_at as decided_at,
        event_date as decided_date
    from refusals

)

select * from withdrawals
order by consent_id
