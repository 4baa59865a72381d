-- Grain: one row per ticket of the till.
-- A ticket without a loyalty card is anonymous. The business day is the store's, in Lille.
with

lines as (

    select *
    from raw.till_sales
    where dt = $run_date

),

tickets as (

    select
        ticket,
        min(kind) as kind,
        min(original_ticket) as original_ticket,
        min(store) as store,
        min(sold_at) as sold_at,
        normalize_identifier(min(loyalty_card)) as loyalty_id,
        cast(sum(quantity * unit_price) as decimal(18, 4)) as gross_amount,
        cast(sum(discount) as decimal(18, 4)) as discount_amount
    from lines
    group by ticket

),

renamed as (

    select
        'till:' || ticket as order_id,
        'till' as source,
        'till:card-' || loyalty_id as record_id,
        loyalty_id,
        ticket as order_number,
        case kind when 'R' then 'refund' else 'purchase' end as order_kind,
        'till:' || original_ticket as original_order_id,
        'store' as channel,
        store,
        'FR' as country,
        'EUR' as currency,
        sold_at as ordered_at,
        business_date(sold_at, 'Europe/Paris') as order_date,
        gross_amount,
        discount_amount,
        cast(gross_amount - discount_amount as decimal(18, 4)) as net_amount
    from tickets

)

select * from renamed
order by order_id
