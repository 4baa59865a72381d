-- Grain: one row per customer known by e-mail, as of the end of dt.
with

sold_today as (

    select
        customer_email,
        count(*) as sale_count,
        sum(amount) as spent_amount
    from staging.sales
    where dt = $run_date and customer_email is not null
    group by customer_email

),

known_yesterday as (

    select *
    from marts.customers
    where dt = $run_date - interval '1 day'

),

customers as (

    select
        coalesce(known_yesterday.customer_email, sold_today.customer_email) as customer_email,
        coalesce(known_yesterday.sale_count, 0) + coalesce(sold_today.sale_count, 0)
            as sale_count,
        cast(
            coalesce(known_yesterday.spent_amount, 0) + coalesce(sold_today.spent_amount, 0)
            as decimal(18, 2)
        ) as spent_amount
    from known_yesterday
    full outer join sold_today
        on sold_today.customer_email = known_yesterday.customer_email

)

select * from customers
order by customer_email
