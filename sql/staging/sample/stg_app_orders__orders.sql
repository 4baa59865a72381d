-- Grain: one row per order of the app, put together from its lines.
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
        min(campaign) as campaign_id,
        min(ordered_at) as ordered_at,
        min(shipping) as shipping,
        cast(sum(quantity * unit_price) as decimal(18, 4)) as gross_amount,
        cast(sum(discount) as decimal(18, 4)) as discount_amount
    from lines
    group by order_id

),

renamed as (

    select
        'order:' || order_number as order_id,
        'app' as source,
        'app:' || user_id as record_id,
        'app:' || user_id as customer_number,
        order_number,
        'purchase' as order_kind,
        'app' as channel,
        'GBP' as currency,
        ordered_at,
        business_date(ordered_at, $time_zone) as order_date,
        campaign_id,
        false as is_guest,
        gross_amount,
        discount_amount,
        cast(gross_amount - discount_amount as decimal(18, 4)) as net_amount,
        cast(shipping as decimal(18, 4)) as shipping_amount
    from orders

)

select * from renamed
order by order_id
