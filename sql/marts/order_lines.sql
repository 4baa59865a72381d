-- Grain: one row per order line that counts on the day.
-- Null cost: not known; zero: the goods cost nothing, or the line moves no goods.
with

lines as (

    select *
    from staging.new_order_lines
    where dt = $run_date

),

documents as (

    select *
    from marts.orders
    where dt = $run_date

),

products as (

    select product_id, category, subcategory, brand, unit_cost, currency as cost_currency
    from staging.products
    where dt = $run_date

),

joined as (

    select
        lines.*,
        documents.record_id,
        documents.customer_id,
        documents.customer_type,
        documents.channel,
        documents.order_date as document_date,
        documents.purchase_date,
        products.category,
        products.subcategory,
        products.brand,
        case
            when lines.line_kind <> 'product' then 0
            when lines.cost_amount is not null then lines.cost_amount
            when products.cost_currency = lines.currency then lines.quantity * products.unit_cost
        end as goods_cost_amount
    from lines
    inner join documents on lines.order_id = documents.order_id
    left join products on lines.product_id = products.product_id

),

costed as (

    select
        order_id,
        line_number,
        source,
        record_id,
        customer_id,
        customer_type,
        is_new,
        order_kind,
        channel,
        currency,
        document_date as order_date,
        purchase_date,
        line_kind,
        product_id,
        sku,
        product_name,
        category,
        subcategory,
        brand,
        quantity,
        gross_amount,
        discount_amount,
        net_amount,
        tax_amount,
        cast(goods_cost_amount as decimal(18, 4)) as cost_amount,
        cast(net_amount - coalesce(tax_amount, 0) - goods_cost_amount as decimal(18, 4))
            as margin_amount
    from joined

)

select * from costed
order by order_id, line_number
