-- Grain: one row per line of a ticket of the till.
with

lines as (

    select *
    from raw.till_sales
    where dt = $run_date

),

renamed as (

    select
        'till:' || ticket as order_id,
        line as line_number,
        'till' as source,
        case kind when 'R' then 'refund' else 'purchase' end as order_kind,
        business_date(sold_at, 'Europe/Paris') as order_date,
        'EUR' as currency,
        'product' as line_kind,
        'catalogue:' || sku as product_id,
        sku,
        trim(name) as product_name,
        quantity,
        unit_price,
        cast(quantity * unit_price as decimal(18, 4)) as gross_amount,
        discount as discount_amount,
        cast(quantity * unit_price - discount as decimal(18, 4)) as net_amount
    from lines

)

select * from renamed
order by order_id, line_number
