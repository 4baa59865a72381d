-- Grain: one row per friend who used a link or code of the shop's programme.
-- Null friend: without an account of their own.
with

referrals as (

    select *
    from raw.referrals
    where dt = $run_date

),

renamed as (

    select
        'shop:' || referral_id as referral_id,
        'shop' as source,
        'shop:' || referrer as record_id,
        'shop:' || referrer as customer_number,
        'shop:' || friend as referred_record_id,
        passed_on_by as channel,
        programme as campaign_id,
        'order:' || order_number as order_id,
        used_at as referred_at,
        business_date(used_at, $time_zone) as referral_date
    from referrals

)

select * from renamed
order by referral_id
