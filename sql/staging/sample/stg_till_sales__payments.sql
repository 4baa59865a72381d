-- Grain: one row per receipt of the tills, which is paid at once and whole.
with

lines as (

    select *
    from raw.till_sales
    where dt = $run_date

),

receipts as (

    select
        receipt,
        min(sold_at) as sold_at,
        min(tender) as tender,
        normalize_identifier(replace(min(loyalty_card), ' ', '')) as loyalty_id,
        cast(sum(quantity * unit_price - discount) as decimal(18, 4)) as amount
    from lines
    group by receipt

),

renamed as (

    select
        'till:' || receipt as payment_id,
        'till' as source,
        'till:card-' || loyalty_id as record_id,
        loyalty_id,
        'order:' || receipt as order_id,
        tender as method,
        amount,
        'GBP' as currency,
        sold_at as paid_at,
        business_date(sold_at, $time_zone) as payment_date
    from receipts

)

select * from renamed
order by payment_id
