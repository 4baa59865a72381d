-- Grain: one row per household and campaign that begins on the days that become known on dt.
with

arriving as (

    select from_date, to_date
    from staging.arriving_days
    where dt = $run_date

),

campaigns as (

    select campaign_id, start_date
    from staging.current_grocer_campaigns
    where dt = $run_date

),

households as (

    select campaign_id, household_id
    from staging.current_grocer_campaign_households
    where dt = $run_date

),

deliveries as (

    select
        campaigns.campaign_id,
        households.household_id,
        campaigns.start_date
    from campaigns
    inner join arriving
        on campaigns.start_date >= arriving.from_date and campaigns.start_date <= arriving.to_date
    inner join households on campaigns.campaign_id = households.campaign_id

)

select * from deliveries
order by campaign_id, household_id
