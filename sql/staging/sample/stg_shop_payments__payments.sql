-- Grain: one row per payment of an order that the web shop exported on the day.
with

payments as (

    select
        *,
        normalize_email(guest_email) as email,
        normalize_phone(guest_phone, $default_region) as phone
    from raw.shop_payments
    where dt = $run_date and payment_id is not null

),

renamed as (

    select
        'shop:' || payment_id as payment_id,
        'shop' as source,
        case
            when account is not null then 'shop:' || account
            else 'shop:guest-' || md5(coalesce(email, phone))
        end as record_id,
        'shop:' || account as customer_number,
        email,
        phone,
        normalize_identifier(replace(loyalty_card, ' ', '')) as loyalty_id,
        'order:' || order_number as order_id,
        coalesce(method, 'other') as method,
        cast(coalesce(amount, 0) as decimal(18, 4)) as amount,
        'GBP' as currency,
        paid_at,
        business_date(coalesce(paid_at, placed_at), $time_zone) as payment_date
    from payments

)

select * from renamed
order by payment_id
