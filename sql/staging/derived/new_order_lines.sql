-- Grain: one row per order line that counts on the day: new, or other than it was known.
-- A line that is delivered again as it was makes no row. Amounts and units are what the day adds
-- to what was known; a line waits for its order.
with

orders as (

    select order_id, dt
    from staging.orders
    where dt <= $run_date and dt >= cast(cast($run_date as int) - $resend_days as date)

),

lines as (

    select *
    from staging.order_lines
    where dt <= $run_date and dt >= cast(cast($run_date as int) - $resend_days as date)

),

orders_today as (

    select
        order_id,
        max(case when dt < $run_date then 1 else 0 end) = 1 as is_known
    from orders
    group by order_id

),

-- The orders of which a line or the document itself arrived today.
touched as (

    select order_id
    from orders
    where dt = $run_date
    union
    select order_id
    from lines
    where dt = $run_date

),

-- The first delivery of a line says what it is; the last, how much.
deliveries as (

    select
        lines.*,
        row_number() over (
            partition by lines.order_id, lines.line_number
            order by lines.dt desc
        ) as recency,
        first_value(lines.order_date) over (
            partition by lines.order_id, lines.line_number
            order by lines.dt
        ) as first_order_date
    from lines
    left semi join touched on lines.order_id = touched.order_id

),

-- What a line was when it last counted: nothing, while its order was not known.
known as (

    select
        order_id,
        line_number,
        quantity,
        gross_amount,
        discount_amount,
        net_amount,
        tax_amount,
        cost_amount
    from (
        select
            *,
            row_number() over (
                partition by order_id, line_number
                order by dt desc
            ) as known_recency
        from deliveries
        where dt < $run_date
    ) as earlier
    where known_recency = 1

),

compared as (

    select
        deliveries.order_id,
        deliveries.line_number,
        deliveries.source,
        known.order_id is null or not orders_today.is_known as is_new,
        deliveries.order_kind,
        deliveries.first_order_date as order_date,
        deliveries.currency,
        deliveries.line_kind,
        deliveries.product_id,
        deliveries.sku,
        deliveries.product_name,
        deliveries.unit_price,
        case when orders_today.is_known then coalesce(known.quantity, 0) else 0 end
            as known_quantity,
        case when orders_today.is_known then coalesce(known.gross_amount, 0) else 0 end
            as known_gross_amount,
        case when orders_today.is_known then coalesce(known.discount_amount, 0) else 0 end
            as known_discount_amount,
        case when orders_today.is_known then coalesce(known.net_amount, 0) else 0 end
            as known_net_amount,
        case when orders_today.is_known then coalesce(known.tax_amount, 0) else 0 end
            as known_tax_amount,
        case when orders_today.is_known then coalesce(known.cost_amount, 0) else 0 end
            as known_cost_amount,
        deliveries.quantity,
        deliveries.gross_amount,
        deliveries.discount_amount,
        deliveries.net_amount,
        deliveries.tax_amount,
        deliveries.cost_amount
    from deliveries
    inner join orders_today on deliveries.order_id = orders_today.order_id
    left join known
        on
            deliveries.order_id = known.order_id
            and deliveries.line_number = known.line_number
    where
        deliveries.recency = 1
        -- A line of an earlier day has its turn when its order becomes known.
        and (deliveries.dt = $run_date or not orders_today.is_known)

),

counted as (

    select
        order_id,
        line_number,
        source,
        is_new,
        order_kind,
        order_date,
        currency,
        line_kind,
        product_id,
        sku,
        product_name,
        unit_price,
        cast(quantity - known_quantity as decimal(18, 3)) as quantity,
        cast(gross_amount - known_gross_amount as decimal(18, 4)) as gross_amount,
        cast(discount_amount - known_discount_amount as decimal(18, 4)) as discount_amount,
        cast(net_amount - known_net_amount as decimal(18, 4)) as net_amount,
        cast(tax_amount - known_tax_amount as decimal(18, 4)) as tax_amount,
        cast(cost_amount - known_cost_amount as decimal(18, 4)) as cost_amount
    from compared
    where
        is_new
        or quantity <> known_quantity
        or gross_amount <> known_gross_amount
        or discount_amount <> known_discount_amount
        or coalesce(tax_amount, 0) <> known_tax_amount
        or coalesce(cost_amount, 0) <> known_cost_amount

)

select * from counted
order by order_id, line_number
