-- Grain: one row per product in a basket that becomes known on dt.
-- A basket has one household, one store and one instant, and a product once. What coupons of
-- manufacturers paid is part of net: the grocer receives it.
with

arriving as (

    select from_date, to_date
    from staging.arriving_days
    where dt = $run_date

),

lines as (

    select
        *,
        business_date(bought_at, $time_zone) as bought_date
    from raw.grocer_transactions
    where dt = $run_date

),

products as (

    select product_id, product_type
    from staging.current_grocer_products
    where dt = $run_date

),

known as (

    select
        lines.basket_id,
        lines.product_id,
        lines.household_id,
        lines.store_id,
        lines.bought_at,
        lines.bought_date,
        lines.quantity as rung_quantity,
        -- Gasoline is rung up in thousandths of a gallon, or as 1: a filling is one unit.
        case
            when products.product_type = 'GASOLINE-REG UNLEADED' then least(lines.quantity, 1)
            else lines.quantity
        end as quantity,
        lines.coupon_disc,
        lines.sales_value + lines.retail_disc + lines.coupon_match_disc as gross_amount,
        lines.retail_disc + lines.coupon_match_disc as discount_amount,
        lines.sales_value as net_amount
    from lines
    inner join arriving
        on lines.bought_date >= arriving.from_date and lines.bought_date <= arriving.to_date
    left join products on lines.product_id = products.product_id

),

-- What holds of a basket is told to each of its lines here, so that what reads them need not sort
-- a year of them once more.
placed as (

    select
        *,
        row_number() over (partition by basket_id order by product_id) as line_number,
        max(rung_quantity) over (partition by basket_id) as largest_quantity,
        sum(gross_amount) over (partition by basket_id) as basket_gross_amount
    from known

),

classified as (

    select
        basket_id,
        product_id,
        cast(line_number as bigint) as line_number,
        household_id,
        store_id,
        bought_at,
        bought_date,
        case
            when largest_quantity = 0 and basket_gross_amount = 0 then 'adjustment'
            else 'purchase'
        end as order_kind,
        case
            when rung_quantity > 0 then 'product'
            when coupon_disc > 0 then 'discount'
            else 'manual'
        end as line_kind,
        quantity,
        cast(gross_amount as decimal(18, 4)) as gross_amount,
        cast(discount_amount as decimal(18, 4)) as discount_amount,
        cast(net_amount as decimal(18, 4)) as net_amount
    from placed

)

select * from classified
order by basket_id, product_id
