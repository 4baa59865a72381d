-- Grain: one row per message that was sent, and per reaction to one.
with

campaign_events as (

    select *
    from raw.campaign_events
    where dt = $run_date

),

renamed as (

    select
        'mailer:' || event_id as campaign_event_id,
        'mailer' as source,
        'mailer:' || contact_no as record_id,
        'crm:' || contact_no as customer_number,
        campaign as campaign_id,
        channel,
        kind as event_kind,
        happened_at,
        business_date(happened_at, $time_zone) as event_date
    from campaign_events

)

select * from renamed
order by campaign_event_id
