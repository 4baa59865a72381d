-- Grain: one row per line of a receipt of the tills.
with

lines as (

    select *
    from raw.till_sales
    where dt = $run_date

),

renamed as (

    select
        'order:' || receipt as order_id,
        line as line_number,
        'till' as source,
        'purchase' as order_kind,
        business_date(sold_at, $time_zone) as order_date,
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
