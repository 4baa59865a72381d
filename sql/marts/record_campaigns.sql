-- Grain: one row per record, campaign and channel of which something happened in the last 90 days.
-- Yesterday's rows and today's choices and events. Zero is none; a null date is never.
with

chosen as (

    select record_id, campaign_id, channel, source, is_treated, chosen_date
    from staging.campaign_contacts
    where dt = $run_date and record_id is not null

),

events as (

    select record_id, campaign_id, channel, source, event_kind, event_date
    from staging.campaign_events
    where dt = $run_date and record_id is not null

),

known as (

    select *
    from marts.record_campaigns
    where dt = $run_date - interval '1 day'

),

combined as (

    select
        record_id, campaign_id, channel, source, chosen_count, control_count, sent_count,
        bounced_count, opened_count, clicked_count, responded_count, unsubscribed_count,
        complained_count, first_date, last_date, last_sent_date, last_reaction_date
    from known
    union all
    select
        record_id,
        campaign_id,
        channel,
        source,
        case when is_treated then 1 else 0 end as chosen_count,
        case when is_treated then 0 else 1 end as control_count,
        0 as sent_count,
        0 as bounced_count,
        0 as opened_count,
        0 as clicked_count,
        0 as responded_count,
        0 as unsubscribed_count,
        0 as complained_count,
        chosen_date as first_date,
        chosen_date as last_date,
        cast(null as date) as last_sent_date,
        cast(null as date) as last_reaction_date
    from chosen
    union all
    select
        record_id,
        campaign_id,
        channel,
        source,
        0 as chosen_count,
        0 as control_count,
        case event_kind when 'sent' then 1 else 0 end as sent_count,
        case event_kind when 'bounced' then 1 else 0 end as bounced_count,
        case event_kind when 'opened' then 1 else 0 end as opened_count,
        case event_kind when 'clicked' then 1 else 0 end as clicked_count,
        case event_kind when 'responded' then 1 else 0 end as responded_count,
        case event_kind when 'unsubscribed' then 1 else 0 end as unsubscribed_count,
        case event_kind when 'complained' then 1 else 0 end as complained_count,
        event_date as first_date,
        event_date as last_date,
        case event_kind when 'sent' then event_date end as last_sent_date,
        case when event_kind in ('opened', 'clicked', 'responded') then event_date end
            as last_reaction_date
    from events

),

totals as (

    select
        record_id,
        campaign_id,
        channel,
        min(source) as source,
        cast(sum(chosen_count) as bigint) as chosen_count,
        cast(sum(control_count) as bigint) as control_count,
        cast(sum(sent_count) as bigint) as sent_count,
        cast(sum(bounced_count) as bigint) as bounced_count,
        cast(sum(opened_count) as bigint) as opened_count,
        cast(sum(clicked_count) as bigint) as clicked_count,
        cast(sum(responded_count) as bigint) as responded_count,
        cast(sum(unsubscribed_count) as bigint) as unsubscribed_count,
        cast(sum(complained_count) as bigint) as complained_count,
        min(first_date) as first_date,
        max(last_date) as last_date,
        max(last_sent_date) as last_sent_date,
        max(last_reaction_date) as last_reaction_date
    from combined
    group by record_id, campaign_id, channel

)

select * from totals
where last_date > $run_date - interval '90 days'
order by record_id, campaign_id, channel
