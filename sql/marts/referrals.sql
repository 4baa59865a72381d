-- Grain: one row per recommendation of the brand that arrived on the day.
-- Null customers: not known who that is.
with

referrals as (

    select *
    from staging.referrals
    where dt = $run_date

),

mapped as (

    select record_id, customer_id
    from identity.identity_map
    where dt = $run_date

),

customers as (

    select customer_id, segment
    from marts.customers
    where dt = $run_date

),

recommended as (

    select
        referrals.referral_id,
        referrals.source,
        referrals.record_id,
        mapped.customer_id,
        coalesce(customers.segment, 'unknown') as segment,
        referrals.referred_record_id,
        friends.customer_id as referred_customer_id,
        referrals.channel,
        referrals.campaign_id,
        referrals.order_id,
        referrals.referred_at,
        referrals.referral_date
    from referrals
    left join mapped on referrals.record_id = mapped.record_id
    left join customers on mapped.customer_id = customers.customer_id
    left join mapped as friends on referrals.referred_record_id = friends.record_id

)

select * from recommended
order by referral_id
