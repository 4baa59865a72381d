-- Grain: one row per order of the app, which is paid at once and whole.
with

lines as (

    select *
    from raw.app_orders
    where dt = $run_date

),

orders as (

    select
        order_id as order_number,
        min(user_id) as user_id,
        min(payment_method) as payment_method,
        min(ordered_at) as ordered_at,
        cast(sum(quantity * unit_price - discount) + min(shipping) as decimal(18, 4)) as amount
    from lines
    group by order_id

),

renamed as (

    select
        'app:' || order_number as payment_id,
        'app' as source,
        'app:' || user_id as record_id,
        'app:' || user_id as customer_number,
        'order:' || order_number as order_id,
        payment_method as method,
        amount,
        'GBP' as currency,
        ordered_at as paid_at,
        business_date(ordered_at, $time_zone) as payment_date
    from orders

)

select * from renamed
order by payment_id
