-- Grain: one row per record and channel it was ever in contact on.
-- Yesterday's totals and today's events. Zero is none; a null date is never.
with

interactions as (

    select record_id, channel, source, interaction_date, is_initiated_by_customer, is_direct
    from staging.interactions
    where dt = $run_date and record_id is not null

),

campaign_events as (

    select record_id, channel, source, event_kind, event_date
    from staging.campaign_events
    where dt = $run_date and record_id is not null

),

known as (

    select *
    from marts.record_channels
    where dt = $run_date - interval '1 day'

),

combined as (

    select
        record_id, channel, source, interaction_count, initiated_count, sent_count,
        bounced_count, opened_count, clicked_count, responded_count, unsubscribed_count,
        complained_count, last_interaction_date, last_sent_date, last_reaction_date
    from known
    union all
    select
        record_id,
        channel,
        source,
        1 as interaction_count,
        case when is_direct and is_initiated_by_customer then 1 else 0 end as initiated_count,
        0 as sent_count,
        0 as bounced_count,
        0 as opened_count,
        0 as clicked_count,
        0 as responded_count,
        0 as unsubscribed_count,
        0 as complained_count,
        interaction_date as last_interaction_date,
        cast(null as date) as last_sent_date,
        cast(null as date) as last_reaction_date
    from interactions
    union all
    select
        record_id,
        channel,
        source,
        0 as interaction_count,
        0 as initiated_count,
        case event_kind when 'sent' then 1 else 0 end as sent_count,
        case event_kind when 'bounced' then 1 else 0 end as bounced_count,
        case event_kind when 'opened' then 1 else 0 end as opened_count,
        case event_kind when 'clicked' then 1 else 0 end as clicked_count,
        case event_kind when 'responded' then 1 else 0 end as responded_count,
        case event_kind when 'unsubscribed' then 1 else 0 end as unsubscribed_count,
        case event_kind when 'complained' then 1 else 0 end as complained_count,
        cast(null as date) as last_interaction_date,
        case event_kind when 'sent' then event_date end as last_sent_date,
        case when event_kind in ('opened', 'clicked', 'responded') then event_date end
            as last_reaction_date
    from campaign_events

),

totals as (

    select
        record_id,
        channel,
        min(source) as source,
        cast(sum(interaction_count) as bigint) as interaction_count,
        cast(sum(initiated_count) as bigint) as initiated_count,
        cast(sum(sent_count) as bigint) as sent_count,
        cast(sum(bounced_count) as bigint) as bounced_count,
        cast(sum(opened_count) as bigint) as opened_count,
        cast(sum(clicked_count) as bigint) as clicked_count,
        cast(sum(responded_count) as bigint) as responded_count,
        cast(sum(unsubscribed_count) as bigint) as unsubscribed_count,
        cast(sum(complained_count) as bigint) as complained_count,
        max(last_interaction_date) as last_interaction_date,
        max(last_sent_date) as last_sent_date,
        max(last_reaction_date) as last_reaction_date
    from combined
    group by record_id, channel

)

select * from totals
order by record_id, channel
