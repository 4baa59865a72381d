-- Grain: one row per order document that the shop exported on the day.
-- A guest is named by the hash of the e-mail address or the telephone number, which keeps them
-- out of the id; a guest with neither is anonymous.
with

orders as (

    select *
    from raw.shop_orders
    where dt = $run_date

),

identified as (

    select
        orders.*,
        normalize_email(customer_email) as email,
        normalize_phone(customer_phone, coalesce(country, $default_region)) as phone,
        normalize_identifier(loyalty_card) as loyalty_id
    from orders

),

renamed as (

    select
        'shop:' || number as order_id,
        'shop' as source,
        case
            when customer_number is not null then 'shop:' || customer_number
            else 'shop:guest-' || md5(coalesce(email, phone))
        end as record_id,
        'shop:' || customer_number as customer_number,
        email,
        phone,
        loyalty_id,
        number as order_number,
        kind as order_kind,
        'shop:' || original as original_order_id,
        channel,
        country,
        currency,
        placed_at as ordered_at,
        business_date(placed_at, $time_zone) as order_date,
        status,
        is_guest,
        gross as gross_amount,
        discount as discount_amount,
        cast(gross - discount as decimal(18, 4)) as net_amount,
        shipping as shipping_amount,
        tax as tax_amount
    from identified

)

select * from renamed
order by order_id
