-- Grain: one row per invoice number. README.md has the rules and their reasons.
-- Null record_id is an invoice without a customer. Discounts and postage are lines of their own
-- in this export, so they are part of the gross amount and discount_amount is zero.
with

lines as (

    select
        *,
        quantity * unit_price as line_amount
    from raw.online_retail
    where dt = $run_date

),

invoices as (

    select
        invoice_no,
        -- Written as float text: 17850.0.
        split_part(min(customer_id), '.', 1) as customer_number,
        min(country) as country,
        -- Some invoices run over two minutes.
        min(invoice_date) as invoiced_at,
        max(quantity) as largest_quantity,
        max(abs(unit_price)) as largest_price,
        cast(sum(line_amount) as decimal(18, 4)) as amount
    from lines
    group by invoice_no

),

renamed as (

    select
        'shop:' || invoice_no as order_id,
        'shop' as source,
        'shop:' || customer_number as record_id,
        'shop:' || customer_number as customer_number,
        invoice_no as order_number,
        case
            when starts_with(invoice_no, 'C') then 'cancellation'
            when starts_with(invoice_no, 'A') then 'adjustment'
            when largest_quantity < 0 then 'adjustment'
            when largest_price = 0 and customer_number is null then 'adjustment'
            else 'purchase'
        end as order_kind,
        'web' as channel,
        country,
        'GBP' as currency,
        invoiced_at as ordered_at,
        business_date(invoiced_at, $time_zone) as order_date,
        amount as gross_amount,
        cast(0 as decimal(18, 4)) as discount_amount,
        amount as net_amount
    from invoices

)

select * from renamed
order by order_id
