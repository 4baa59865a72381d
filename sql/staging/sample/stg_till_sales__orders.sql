-- Grain: one row per receipt of the tills, put together from its lines.
-- A receipt without a loyalty card is anonymous.
with

lines as (

    select *
    from raw.till_sales
    where dt = $run_date

),

receipts as (

    select
        receipt,
        min(store) as store,
        min(sold_at) as sold_at,
        normalize_identifier(replace(min(loyalty_card), ' ', '')) as loyalty_id,
        cast(sum(quantity * unit_price) as decimal(18, 4)) as gross_amount,
        cast(sum(discount) as decimal(18, 4)) as discount_amount
    from lines
    group by receipt

),

renamed as (

    select
        'order:' || receipt as order_id,
        'till' as source,
        'till:card-' || loyalty_id as record_id,
        loyalty_id,
        receipt as order_number,
        'purchase' as order_kind,
        'store' as channel,
        store,
        'GBP' as currency,
        sold_at as ordered_at,
        business_date(sold_at, $time_zone) as order_date,
        gross_amount,
        discount_amount,
        cast(gross_amount - discount_amount as decimal(18, 4)) as net_amount
    from receipts

)

select * from renamed
order by order_id
