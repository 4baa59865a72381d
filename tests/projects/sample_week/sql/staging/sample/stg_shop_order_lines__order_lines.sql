-- Grain: one row per item of an order document that the shop exported on the day.
with

items as (

    select *
    from raw.shop_order_lines
    where dt = $run_date

),

renamed as (

    select
        'shop:' || order_number as order_id,
        line as line_number,
        'shop' as source,
        kind as order_kind,
        business_date(placed_at, $time_zone) as order_date,
        currency,
        'product' as line_kind,
        'catalogue:' || sku as product_id,
        sku,
        trim(name) as product_name,
        quantity,
        unit_price,
        cast(quantity * unit_price as decimal(18, 4)) as gross_amount,
        discount as discount_amount,
        cast(quantity * unit_price - discount as decimal(18, 4)) as net_amount
    from items

)

select * from renamed
order by order_id, line_number
