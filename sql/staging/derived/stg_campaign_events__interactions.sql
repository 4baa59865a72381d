-- Grain: one row per message that left the sender, and per reaction to one.
-- A bounced message met nobody, and that one was delivered is no event beside that it was sent.
with

campaign_events as (

    select *
    from staging.campaign_events
    where dt = $run_date and event_kind not in ('bounced', 'delivered')

),

events as (

    select
        'campaign_' || event_kind || ':' || campaign_event_id as interaction_id,
        source,
        record_id,
        'campaign_' || event_kind as interaction_kind,
        channel,
        'campaign' as touchpoint,
        happened_at as occurred_at,
        event_date as interaction_date,
        true as is_direct,
        event_kind <> 'sent' as is_initiated_by_customer,
        case when event_kind in ('clicked', 'responded') then 'consideration' else 'awareness' end
            as life_cycle_stage,
        campaign_id,
        false as has_text
    from campaign_events

)

select * from events
order by interaction_id
