-- Grain: one row per decision that the CRM recorded.
with

decisions as (

    select *
    from raw.consent_events
    where dt = $run_date

),

renamed as (

    select
        'crm:' || event_id as consent_id,
        'crm' as source,
        'crm:' || contact_no as record_id,
        'crm:' || contact_no as customer_number,
        purpose,
        channel,
        action,
        decided_at,
        business_date(decided_at, $time_zone) as decided_date
    from decisions

)

select * from renamed
order by consent_id
