-- Grain: one row per order document that arrived on the day.
-- Null customer_id is anonymous. Zero lines: the source gives none.
with

orders as (

    select *
    from staging.orders
    where dt = $run_date

),

lines as (

    select order_id, line_kind, quantity
    from staging.order_lines
    where dt = $run_date

),

mapped as (

    select record_id, customer_id
    from identity.identity_map
    where dt = $run_date

),

customers as (

    select customer_id, first_order_date
    from marts.customers
    where dt = $run_date

),

lines_by_order as (

    select
        order_id,
        count(*) as line_count,
        sum(case when line_kind = 'product' then quantity else 0 end) as unit_count
    from lines
    group by order_id

),

documents as (

    select
        orders.order_id,
        orders.source,
        orders.record_id,
        mapped.customer_id,
        case
            when mapped.customer_id is null then 'anonymous'
            when orders.order_date = customers.first_order_date then 'new'
            else 'returning'
        end as customer_type,
        orders.order_number,
        orders.order_kind,
        orders.original_order_id,
        orders.channel,
        orders.store,
        orders.country,
        orders.currency,
        orders.ordered_at,
        orders.order_date,
        coalesce(lines_by_order.line_count, 0) as line_count,
        cast(coalesce(lines_by_order.unit_count, 0) as decimal(18, 3)) as unit_count,
        orders.gross_amount,
        orders.discount_amount,
        orders.net_amount,
        orders.shipping_amount,
        orders.tax_amount
    from orders
    left join lines_by_order on orders.order_id = lines_by_order.order_id
    left join mapped on orders.record_id = mapped.record_id
    left join customers on mapped.customer_id = customers.customer_id

)

select * from documents
order by order_id
