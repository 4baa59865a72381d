-- Grain: one row per line of a receipt.
-- Zero quantity: a coupon, or a line taken back at the till; neither has a price of a unit.
with

lines as (

    select *
    from staging.receipt_lines
    where dt = $run_date

),

renamed as (

    select
        'grocer:' || basket_id as order_id,
        line_number,
        'grocer' as source,
        order_kind,
        bought_date as order_date,
        'USD' as currency,
        line_kind,
        case when line_kind = 'product' then 'grocer:' || product_id end as product_id,
        product_id as sku,
        cast(quantity as decimal(18, 3)) as quantity,
        cast(case when quantity > 0 then gross_amount / quantity else 0 end as decimal(18, 4))
            as unit_price,
        gross_amount,
        discount_amount,
        net_amount
    from lines

)

select * from renamed
order by order_id, line_number
