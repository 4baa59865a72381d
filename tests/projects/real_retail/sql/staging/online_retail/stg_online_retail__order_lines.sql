-- Grain: one row per row of the export, numbered within its invoice in the order of the file.
-- A price of zero is a gift, a sample or a correction of the stock.
with

lines as (

    select
        *,
        row_number() over (
            partition by invoice_no order by source_file, source_row
        ) as line_number,
        max(quantity) over (partition by invoice_no) as largest_quantity,
        max(abs(unit_price)) over (partition by invoice_no) as largest_price,
        min(customer_id) over (partition by invoice_no) as invoice_customer_id,
        min(invoice_date) over (partition by invoice_no) as invoiced_at,
        upper(stock_code) as code
    from raw.online_retail
    where dt = $run_date

),

classified as (

    select
        *,
        case
            when code in ('POST', 'DOT', 'C2') then 'shipping'
            when code = 'D' then 'discount'
            when code in ('BANK CHARGES', 'AMAZONFEE', 'CRUK') then 'fee'
            when starts_with(code, 'GIFT_') then 'voucher'
            when code in ('M', 'S', 'B') then 'manual'
            else 'product'
        end as line_kind
    from lines

),

renamed as (

    select
        'shop:' || invoice_no as order_id,
        cast(line_number as bigint) as line_number,
        'shop' as source,
        -- The same rules as for the invoice as a whole.
        case
            when starts_with(invoice_no, 'C') then 'cancellation'
            when starts_with(invoice_no, 'A') then 'adjustment'
            when largest_quantity < 0 then 'adjustment'
            when largest_price = 0 and invoice_customer_id is null then 'adjustment'
            else 'purchase'
        end as order_kind,
        business_date(invoiced_at, $time_zone) as order_date,
        'GBP' as currency,
        line_kind,
        case when line_kind = 'product' then 'shop:' || stock_code end as product_id,
        stock_code as sku,
        nullif(trim(description), '') as product_name,
        quantity,
        unit_price,
        cast(quantity * unit_price as decimal(18, 4)) as gross_amount,
        cast(0 as decimal(18, 4)) as discount_amount,
        cast(quantity * unit_price as decimal(18, 4)) as net_amount
    from classified

)

select * from renamed
order by order_id, line_number
