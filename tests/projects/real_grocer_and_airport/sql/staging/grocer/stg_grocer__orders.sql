-- Grain: one row per basket. README.md has the rules and their reasons.
with

lines as (

    select *
    from staging.receipt_lines
    where dt = $run_date

),

baskets as (

    select
        basket_id,
        min(household_id) as household_id,
        min(store_id) as store_id,
        min(order_kind) as order_kind,
        min(bought_at) as bought_at,
        min(bought_date) as bought_date,
        cast(sum(gross_amount) as decimal(18, 4)) as gross_amount,
        cast(sum(discount_amount) as decimal(18, 4)) as discount_amount,
        cast(sum(net_amount) as decimal(18, 4)) as net_amount
    from lines
    group by basket_id

),

renamed as (

    select
        'grocer:' || basket_id as order_id,
        'grocer' as source,
        'grocer:' || household_id as record_id,
        'grocer:' || household_id as customer_number,
        basket_id as order_number,
        order_kind,
        'store' as channel,
        store_id as store,
        'US' as country,
        'USD' as currency,
        bought_at as ordered_at,
        bought_date as order_date,
        gross_amount,
        discount_amount,
        net_amount
    from baskets

)

select * from renamed
order by order_id
