-- Grain: one row per person chosen for a campaign that became known on the day.
-- Null customer_id: the campaign does not say whom it means.
with

facts as (

    select *
    from staging.campaign_contacts
    where dt = $run_date

),

mapped as (

    select record_id, customer_id
    from identity.identity_map
    where dt = $run_date

),

owned as (

    select
        facts.campaign_contact_id,
        facts.source,
        facts.record_id,
        mapped.customer_id,
        facts.campaign_id,
        facts.channel,
        facts.is_treated,
        facts.chosen_at,
        facts.chosen_date
    from facts
    left join mapped on facts.record_id = mapped.record_id

)

select * from owned
order by campaign_contact_id
