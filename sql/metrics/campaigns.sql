-- Grain: one row per day and campaign; `all` is the total over campaigns.
-- Events, not persons, but for those who were sent something: one message may be opened many times.
-- Zero = none that day.
with

contacts as (

    select *
    from marts.campaign_contacts
    where dt = $run_date

),

campaign_events as (

    select *
    from marts.campaign_events
    where dt = $run_date

),

purchases as (

    select *
    from marts.orders
    where dt = $run_date and order_kind = 'purchase' and campaign_id is not null

),

parts as (

    select
        chosen_date as event_date,
        campaign_id,
        case when is_treated then 1 else 0 end as treated_count,
        case when is_treated then 0 else 1 end as control_count,
        0 as sent_count,
        0 as delivered_count,
        0 as bounced_count,
        0 as opened_count,
        0 as clicked_count,
        0 as responded_count,
        0 as unsubscribed_count,
        0 as complained_count,
        0 as brought_order_count,
        0 as brought_amount,
        null as recipient_id
    from contacts
    union all
    select
        event_date,
        campaign_id,
        0 as treated_count,
        0 as control_count,
        case when event_kind = 'sent' then 1 else 0 end as sent_count,
        case when event_kind = 'delivered' then 1 else 0 end as delivered_count,
        case when event_kind = 'bounced' then 1 else 0 end as bounced_count,
        case when event_kind = 'opened' then 1 else 0 end as opened_count,
        case when event_kind = 'clicked' then 1 else 0 end as clicked_count,
        case when event_kind = 'responded' then 1 else 0 end as responded_count,
        case when event_kind = 'unsubscribed' then 1 else 0 end as unsubscribed_count,
        case when event_kind = 'complained' then 1 else 0 end as complained_count,
        0 as brought_order_count,
        0 as brought_amount,
        case when event_kind = 'sent' then customer_id end as recipient_id
    from campaign_events
    union all
    select
        order_date as event_date,
        campaign_id,
        0 as treated_count,
        0 as control_count,
        0 as sent_count,
        0 as delivered_count,
        0 as bounced_count,
        0 as opened_count,
        0 as clicked_count,
        0 as responded_count,
        0 as unsubscribed_count,
        0 as complained_count,
        case when is_new then 1 else 0 end as brought_order_count,
        case when currency = $reporting_currency then net_amount else 0 end as brought_amount,
        null as recipient_id
    from purchases

),

totals as (

    select
        event_date,
        case when grouping(campaign_id) = 1 then 'all' else campaign_id end as campaign_id,
        cast(sum(treated_count) as bigint) as treated_count,
        cast(sum(control_count) as bigint) as control_count,
        cast(sum(sent_count) as bigint) as sent_count,
        cast(sum(delivered_count) as bigint) as delivered_count,
        cast(sum(bounced_count) as bigint) as bounced_count,
        cast(sum(opened_count) as bigint) as opened_count,
        cast(sum(clicked_count) as bigint) as clicked_count,
        cast(sum(responded_count) as bigint) as responded_count,
        cast(sum(unsubscribed_count) as bigint) as unsubscribed_count,
        cast(sum(complained_count) as bigint) as complained_count,
        cast(sum(brought_order_count) as bigint) as brought_order_count,
        cast(sum(brought_amount) as decimal(18, 4)) as brought_amount,
        count(recipient_id) as customer_sent_count,
        distinct_sketch(recipient_id) as recipient_sketch
    from parts
    group by grouping sets ((event_date, campaign_id), (event_date))

),

campaigns as (

    select
        *,
        cast(
            case
                when sent_count > 0 and sent_count >= $minimum_sample_size
                    then cast(clicked_count as decimal(18, 6)) / sent_count
            end as decimal(18, 6)
        ) as clicks_per_sent,
        cast(
            case
                when sent_count > 0 and sent_count >= $minimum_sample_size
                    then cast(unsubscribed_count as decimal(18, 6)) / sent_count
            end as decimal(18, 6)
        ) as unsubscribed_per_sent,
        distinct_estimate(recipient_sketch) as recipient_count,
        cast(
            case
                when
                    distinct_estimate(recipient_sketch) > 0
                    and distinct_estimate(recipient_sketch) >= $minimum_sample_size
                    then cast(customer_sent_count as decimal(18, 6))
                        / distinct_estimate(recipient_sketch)
            end as decimal(18, 6)
        ) as sent_per_recipient
    from totals

)

select * from campaigns
order by event_date, campaign_id
