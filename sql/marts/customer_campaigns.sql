-- Grain: one row per customer, campaign and channel of which something happened in 90 days.
-- Zero is none; a null date is never.
with

mapped as (

    select record_id, customer_id
    from identity.identity_map
    where dt = $run_date

),

record_campaigns as (

    select *
    from marts.record_campaigns
    where dt = $run_date

),

campaigns as (

    select
        mapped.customer_id,
        record_campaigns.campaign_id,
        record_campaigns.channel,
        cast(sum(record_campaigns.chosen_count) as bigint) as chosen_count,
        cast(sum(record_campaigns.control_count) as bigint) as control_count,
        cast(sum(record_campaigns.sent_count) as bigint) as sent_count,
        cast(sum(record_campaigns.bounced_count) as bigint) as bounced_count,
        cast(sum(record_campaigns.opened_count) as bigint) as opened_count,
        cast(sum(record_campaigns.clicked_count) as bigint) as clicked_count,
        cast(sum(record_campaigns.responded_count) as bigint) as responded_count,
        cast(sum(record_campaigns.unsubscribed_count) as bigint) as unsubscribed_count,
        cast(sum(record_campaigns.complained_count) as bigint) as complained_count,
        min(record_campaigns.first_date) as first_date,
        max(record_campaigns.last_date) as last_date,
        max(record_campaigns.last_sent_date) as last_sent_date,
        max(record_campaigns.last_reaction_date) as last_reaction_date
    from record_campaigns
    inner join mapped on record_campaigns.record_id = mapped.record_id
    group by mapped.customer_id, record_campaigns.campaign_id, record_campaigns.channel

)

select * from campaigns
order by customer_id, campaign_id, channel
