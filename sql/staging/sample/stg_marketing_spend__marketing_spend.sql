-- Grain: one row per day, channel and campaign.
with

spending as (

    select
        day,
        channel,
        campaign,
        cast(sum(amount) as decimal(18, 4)) as amount
    from raw.marketing_spend
    where dt = $run_date
    group by day, channel, campaign

),

renamed as (

    select
        'media:' || cast(day as varchar) || ':' || channel || ':' || coalesce(campaign, 'brand')
            as spend_id,
        'media' as source,
        day as spend_date,
        channel,
        campaign as campaign_id,
        amount,
        'GBP' as currency
    from spending

)

select * from renamed
order by spend_id
