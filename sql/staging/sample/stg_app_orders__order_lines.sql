-- Grain: one row per line of an order of the app.
with

lines as (

    select *
    from raw.app_orders
    where dt = $run_date

),

renamed as (

    select
        'order:' || order_id as order_id,
        line as line_number,
        'app' as source,
        'purchase' as order_kind,
        business_date(ordered_at, $time_zone) as order_date,
        'GBP' as currency,
        'product' as line_kind,
        'catalogue:' || sku as product_id,
        sku,
        cast(quantity as decimal(18, 3)) as quantity,
        cast(unit_price as decimal(18, 4)) as unit_price,
        cast(quantity * unit_price as decimal(18, 4)) as gross_amount,
        cast(discount as decimal(18, 4)) as discount_amount,
        cast(quantity * unit_price - discount as decimal(18, 4)) as net_amount
    from lines

)

select * from renamed
order by order_id, line_number
