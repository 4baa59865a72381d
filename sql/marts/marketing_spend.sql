-- Grain: one row per day, channel and campaign for which money spent became known on the day.
-- Rows add up: a correction is the difference. Null campaign: spent on the brand as a whole.
with

spending as (

    select spend_id, source, spend_date, channel, campaign_id, amount, currency
    from staging.marketing_spend
    where dt = $run_date

)

select * from spending
order by spend_id
