-- Grain: one row per campaign that a household received, and per coupon that it redeemed on a day.
with

arriving as (

    select from_date, to_date
    from staging.arriving_days
    where dt = $run_date

),

deliveries as (

    select *
    from staging.campaign_deliveries
    where dt = $run_date

),

redemptions as (

    select *
    from raw.grocer_redemptions
    where dt = $run_date

),

events as (

    select
        'grocer:' || campaign_id || ':' || household_id || ':sent' as campaign_event_id,
        household_id,
        campaign_id,
        'sent' as event_kind,
        start_date as event_date
    from deliveries
    union all
    select
        'grocer:' || redemptions.campaign_id || ':' || redemptions.household_id || ':'
        || redemptions.coupon_upc || ':' || cast(redemptions.redemption_date as varchar)
            as campaign_event_id,
        redemptions.household_id,
        redemptions.campaign_id,
        'responded' as event_kind,
        redemptions.redemption_date as event_date
    from redemptions
    inner join arriving
        on
            redemptions.redemption_date >= arriving.from_date
            and redemptions.redemption_date <= arriving.to_date

),

renamed as (

    select
        campaign_event_id,
        'grocer' as source,
        'grocer:' || household_id as record_id,
        'grocer:' || household_id as customer_number,
        campaign_id,
        'other' as channel,
        event_kind,
        event_date
    from events

)

select * from renamed
order by campaign_event_id
