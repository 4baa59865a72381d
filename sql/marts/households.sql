-- Grain: one row per household.
-- Name and address are those of the member who is a customer longest.
with

members as (

    select customer_id, household_id, household_since
    from marts.household_members
    where dt = $run_date

),

customers as (

    select *
    from marts.customers
    where dt = $run_date

),

households as (

    select
        members.household_id,
        min(members.household_since) as household_since,
        count(*) as member_count,
        first_value(
            customers.customer_id order by customers.customer_since, customers.customer_id
        ) as first_customer_id,
        first_value(
            customers.family_name order by customers.customer_since, customers.customer_id
        ) as family_name,
        first_value(
            customers.address_line order by customers.customer_since, customers.customer_id
        ) as address_line,
        first_value(customers.city order by customers.customer_since, customers.customer_id)
            as city,
        first_value(customers.postcode order by customers.customer_since, customers.customer_id)
            as postcode,
        first_value(customers.country order by customers.customer_since, customers.customer_id)
            as country,
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
    group by members.household_id

)

select * from households
order by household_id
