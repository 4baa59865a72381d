-- Grain: one row per organisation.
-- The name is the one that most members give, as they write it.
with

members as (

    select customer_id, organisation_id, organisation_since, linked_by
    from marts.organisation_members
    where dt = $run_date

),

customers as (

    select *
    from marts.customers
    where dt = $run_date

),

spellings as (

    select members.organisation_id, customers.organisation_name, count(*) as member_count
    from members
    inner join customers on members.customer_id = customers.customer_id
    where customers.organisation_name is not null
    group by members.organisation_id, customers.organisation_name

),

names as (

    select
        organisation_id,
        first_value(organisation_name order by member_count desc, organisation_name)
            as organisation_name
    from spellings
    group by organisation_id

),

totals as (

    select
        members.organisation_id,
        min(members.organisation_since) as organisation_since,
        count(*) as member_count,
        sum(case members.linked_by when 'email_domain' then 1 else 0 end)
            as domain_member_count,
        first_value(
            customers.customer_id order by customers.customer_since, customers.customer_id
        ) as first_customer_id,
        cast(sum(customers.order_count) as bigint) as order_count,
        cast(sum(customers.net_amount) as decimal(18, 4)) as net_amount,
        cast(sum(customers.margin_amount) as decimal(18, 4)) as margin_amount,
        min(customers.first_order_date) as first_order_date,
        max(customers.last_order_date) as last_order_date,
        sum(case when customers.is_member then 1 else 0 end) as loyalty_member_count,
        cast(sum(customers.points_balance) as bigint) as points_balance,
        cast(sum(customers.open_case_count) as bigint) as open_case_count,
        cast(sum(customers.complaint_count) as bigint) as complaint_count,
        sum(case when customers.word_of_mouth = 'positive' then 1 else 0 end)
            as speaking_well_count,
        sum(case when customers.word_of_mouth = 'negative' then 1 else 0 end)
            as speaking_badly_count,
        sum(case when customers.consent_marketing_email then 1 else 0 end)
            as email_consent_count
    from members
    inner join customers on members.customer_id = customers.customer_id
    group by members.organisation_id

),

organisations as (

    select
        totals.organisation_id,
        totals.organisation_since,
        names.organisation_name,
        totals.member_count,
        totals.domain_member_count,
        totals.first_customer_id,
        totals.order_count,
        totals.net_amount,
        totals.margin_amount,
        totals.first_order_date,
        totals.last_order_date,
        totals.loyalty_member_count,
        totals.points_balance,
        totals.open_case_count,
        totals.complaint_count,
        totals.speaking_well_count,
        totals.speaking_badly_count,
        totals.email_consent_count
    from totals
    left join names on totals.organisation_id = names.organisation_id

)

select * from organisations
order by organisation_id
