-- Grain: one row per order that the web shop exported on the day.
-- The export has no totals: they are the sums of the lines. A guest is named by the hash of the
-- e-mail address or the telephone number, which keeps them out of the id; a guest with neither is
-- anonymous.
with

orders as (

    select
        *,
        normalize_email(guest_email) as email,
        normalize_phone(guest_phone, $default_region) as phone
    from raw.shop_orders
    where dt = $run_date

),

lines as (

    select order_number, quantity, unit_price, discount
    from raw.shop_order_lines
    where dt = $run_date

),

totals as (

    select
        order_number,
        cast(sum(quantity * unit_price) as decimal(18, 4)) as gross_amount,
        cast(sum(discount) as decimal(18, 4)) as discount_amount
    from lines
    group by order_number

),

renamed as (

    select
        'order:' || orders.order_number as order_id,
        'shop' as source,
        case
            when orders.account is not null then 'shop:' || orders.account
            else 'shop:guest-' || md5(coalesce(orders.email, orders.phone))
        end as record_id,
        'shop:' || orders.account as customer_number,
        orders.email,
        orders.phone,
        normalize_identifier(replace(orders.loyalty_card, ' ', '')) as loyalty_id,
        orders.order_number,
        'purchase' as order_kind,
        'web' as channel,
        'GBP' as currency,
        orders.placed_at as ordered_at,
        business_date(orders.placed_at, $time_zone) as order_date,
        orders.campaign as campaign_id,
        orders.account is null as is_guest,
        totals.gross_amount,
        totals.discount_amount,
        cast(totals.gross_amount - totals.discount_amount as decimal(18, 4)) as net_amount,
        cast(orders.shipping as decimal(18, 4)) as shipping_amount
    from orders
    -- An order of which no line could be read is in quarantine as far as money goes.
    inner join totals on orders.order_number = totals.order_number

)

select * from renamed
order by order_id
