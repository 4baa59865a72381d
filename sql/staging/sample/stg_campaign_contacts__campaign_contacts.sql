-- Grain: one row per contact that was chosen for a campaign.
with

chosen as (

    select *
    from raw.campaign_contacts
    where dt = $run_date

),

renamed as (

    select
        'mailer:' || campaign || ':' || contact_no as campaign_contact_id,
        'mailer' as source,
        'mailer:' || contact_no as record_id,
        'crm:' || contact_no as customer_number,
        normalize_email(email) as email,
        campaign as campaign_id,
        channel,
        cell = 'treated' as is_treated,
        chosen_at,
        business_date(chosen_at, $time_zone) as chosen_date
    from chosen

)

select * from renamed
order by campaign_contact_id
