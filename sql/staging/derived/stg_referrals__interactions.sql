-- Grain: one row per recommendation. Indirect: somebody else was spoken to about the brand.
with

referrals as (

    select *
    from staging.referrals
    where dt = $run_date

),

events as (

    select
        'brand_recommended:' || referral_id as interaction_id,
        source,
        record_id,
        'brand_recommended' as interaction_kind,
        channel,
        'recommendation' as touchpoint,
        referred_at as occurred_at,
        referral_date as interaction_date,
        false as is_direct,
        true as is_initiated_by_customer,
        'advocacy' as life_cycle_stage,
        campaign_id,
        false as has_text
    from referrals

)

select * from events
order by interaction_id
