-- Grain: one row per record and category of goods ever bought or brought back.
-- Yesterday's totals and what today adds: a line counts once it and its document are known. Zero
-- is none.
with

orders as (

    select order_id, record_id
    from staging.new_orders
    where dt = $run_date and record_id is not null

),

lines as (

    select
        order_id, source, is_new, order_kind, order_date, currency, product_id, quantity,
        net_amount, tax_amount, cost_amount
    from staging.new_order_lines
    where dt = $run_date and line_kind = 'product' and order_kind <> 'adjustment'

),

products as (

    select product_id, category, unit_cost, currency
    from staging.products
    where dt = $run_date

),

known as (

    select *
    from marts.record_categories
    where dt = $run_date - interval '1 day'

),

completed as (

    select
        orders.record_id,
        lines.source,
        lines.is_new,
        lines.order_kind,
        lines.order_date,
        lines.currency,
        lines.product_id,
        lines.quantity,
        lines.net_amount,
        lines.tax_amount,
        lines.cost_amount
    from lines
    inner join orders on lines.order_id = orders.order_id

),

costed as (

    select
        completed.record_id,
        completed.source,
        coalesce(products.category, 'unknown') as category,
        completed.is_new,
        completed.order_kind,
        completed.order_date,
        completed.quantity,
        case when completed.currency = $reporting_currency then completed.net_amount end
            as net_amount,
        completed.net_amount - coalesce(completed.tax_amount, 0) as untaxed_amount,
        case
            when completed.currency <> $reporting_currency then null
            when completed.cost_amount is not null then completed.cost_amount
            when products.currency = completed.currency
                then cast(completed.quantity * products.unit_cost as decimal(18, 4))
        end as cost_amount
    from completed
    left join products on completed.product_id = products.product_id

),

bought_today as (

    select
        record_id,
        category,
        min(source) as source,
        sum(case when is_new and order_kind = 'purchase' then 1 else 0 end) as purchase_line_count,
        sum(quantity) as unit_count,
        sum(case when quantity < 0 then -quantity else 0 end) as returned_unit_count,
        sum(coalesce(net_amount, 0)) as net_amount,
        sum(coalesce(cost_amount, 0)) as cost_amount,
        sum(case when cost_amount is not null then untaxed_amount else 0 end)
            as costed_net_amount,
        max(case when order_kind = 'purchase' then order_date end) as last_purchase_date
    from costed
    group by record_id, category

),

combined as (

    select
        record_id, category, source, purchase_line_count, unit_count, returned_unit_count,
        net_amount, cost_amount, costed_net_amount, last_purchase_date
    from known
    union all
    select * from bought_today

),

totals as (

    select
        record_id,
        category,
        min(source) as source,
        cast(sum(purchase_line_count) as bigint) as purchase_line_count,
        cast(sum(unit_count) as decimal(18, 3)) as unit_count,
        cast(sum(returned_unit_count) as decimal(18, 3)) as returned_unit_count,
        cast(sum(net_amount) as decimal(18, 4)) as net_amount,
        cast(sum(cost_amount) as decimal(18, 4)) as cost_amount,
        cast(sum(costed_net_amount) as decimal(18, 4)) as costed_net_amount,
        max(last_purchase_date) as last_purchase_date
    from combined
    group by record_id, category

)

select * from totals
order by record_id, category
