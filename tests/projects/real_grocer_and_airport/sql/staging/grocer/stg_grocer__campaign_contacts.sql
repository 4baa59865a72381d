-- Grain: one row per household and campaign that it received.
-- There is no control group: those who did not receive a campaign were not chosen by chance.
with

deliveries as (

    select *
    from staging.campaign_deliveries
    where dt = $run_date

),

renamed as (

    select
        'grocer:' || campaign_id || ':' || household_id as campaign_contact_id,
        'grocer' as source,
        'grocer:' || household_id as record_id,
        'grocer:' || household_id as customer_number,
        campaign_id,
        'other' as channel,
        true as is_treated,
        start_date as chosen_date
    from deliveries

)

select * from renamed
order by campaign_contact_id
