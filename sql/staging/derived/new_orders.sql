-- Grain: one row per order document that became known on the day, or of which more or something
-- else did. A document that is delivered again as it was makes no row.
-- What a document is, whose and of which day stays as it was first told; amounts and units are
-- what the day adds to what was known. Zero amounts: only lines were added.
with

orders as (

    select *
    from staging.orders
    where dt <= $run_date and dt >= cast(cast($run_date as int) - $resend_days as date)

),

lines_today as (

    select order_id, gross_amount, discount_amount, net_amount
    from staging.order_lines
    where dt = $run_date

),

counted_lines as (

    select *
    from staging.new_order_lines
    where dt = $run_date

),

lines_by_order as (

    select
        order_id,
        sum(gross_amount) as gross_amount,
        sum(discount_amount) as discount_amount,
        sum(net_amount) as net_amount
    from lines_today
    group by order_id

),

counted_by_order as (

    select
        order_id,
        sum(case when is_new then 1 else 0 end) as line_count,
        sum(case when line_kind = 'product' then quantity else 0 end) as unit_count,
        sum(gross_amount) as gross_amount,
        sum(discount_amount) as discount_amount,
        sum(net_amount) as net_amount,
        sum(tax_amount) as tax_amount
    from counted_lines
    group by order_id

),

touched as (

    select order_id
    from orders
    where dt = $run_date
    union
    select order_id
    from counted_by_order

),

deliveries as (

    select
        orders.*,
        orders.dt = $run_date as is_of_today,
        row_number() over (partition by orders.order_id order by orders.dt) as place,
        row_number() over (
            partition by orders.order_id
            order by orders.dt = $run_date, orders.dt desc
        ) as known_place
    from orders
    left semi join touched on orders.order_id = touched.order_id

),

first_told as (

    select *
    from deliveries
    where place = 1

),

last_known as (

    select *
    from deliveries
    where known_place = 1 and not is_of_today

),

told_today as (

    select *
    from deliveries
    where is_of_today

),

compared as (

    select
        first_told.order_id,
        first_told.source,
        coalesce(first_told.record_id, told_today.record_id) as record_id,
        last_known.order_id is null as is_new,
        first_told.order_number,
        first_told.order_kind,
        coalesce(first_told.original_order_id, told_today.original_order_id)
            as original_order_id,
        first_told.channel,
        first_told.store,
        first_told.country,
        first_told.currency,
        first_told.ordered_at,
        first_told.order_date,
        first_told.campaign_id,
        first_told.is_guest,
        coalesce(counted_by_order.line_count, 0) as line_count,
        coalesce(counted_by_order.unit_count, 0) as unit_count,
        -- A document that is the sum of the lines it came with is told by its lines: those that
        -- come late add to it. Any other is told by its own amounts, which replace the earlier.
        coalesce(
            lines_by_order.gross_amount = told_today.gross_amount
            and lines_by_order.discount_amount = told_today.discount_amount
            and lines_by_order.net_amount = told_today.net_amount,
            false
        ) as is_sum_of_lines,
        told_today.order_id is null as is_lines_alone,
        counted_by_order.gross_amount as lines_gross_amount,
        counted_by_order.discount_amount as lines_discount_amount,
        counted_by_order.tax_amount as lines_tax_amount,
        told_today.gross_amount,
        told_today.discount_amount,
        told_today.shipping_amount,
        told_today.tax_amount,
        coalesce(last_known.gross_amount, 0) as known_gross_amount,
        coalesce(last_known.discount_amount, 0) as known_discount_amount,
        coalesce(last_known.shipping_amount, 0) as known_shipping_amount,
        coalesce(last_known.tax_amount, 0) as known_tax_amount
    from first_told
    left join last_known on first_told.order_id = last_known.order_id
    left join told_today on first_told.order_id = told_today.order_id
    left join lines_by_order on first_told.order_id = lines_by_order.order_id
    left join counted_by_order on first_told.order_id = counted_by_order.order_id

),

differences as (

    select
        *,
        case
            when is_new then gross_amount
            when is_lines_alone then 0
            when is_sum_of_lines then coalesce(lines_gross_amount, 0)
            else gross_amount - known_gross_amount
        end as added_gross_amount,
        case
            when is_new then discount_amount
            when is_lines_alone then 0
            when is_sum_of_lines then coalesce(lines_discount_amount, 0)
            else discount_amount - known_discount_amount
        end as added_discount_amount,
        shipping_amount - known_shipping_amount as added_shipping_amount,
        case
            when is_new then tax_amount
            when is_lines_alone then null
            when is_sum_of_lines then lines_tax_amount
            else tax_amount - known_tax_amount
        end as added_tax_amount
    from compared

),

documents as (

    select
        order_id,
        source,
        record_id,
        is_new,
        order_number,
        order_kind,
        original_order_id,
        channel,
        store,
        country,
        currency,
        ordered_at,
        order_date,
        campaign_id,
        is_guest,
        line_count,
        cast(unit_count as decimal(18, 3)) as unit_count,
        cast(added_gross_amount as decimal(18, 4)) as gross_amount,
        cast(added_discount_amount as decimal(18, 4)) as discount_amount,
        cast(added_gross_amount - added_discount_amount as decimal(18, 4)) as net_amount,
        cast(added_shipping_amount as decimal(18, 4)) as shipping_amount,
        cast(added_tax_amount as decimal(18, 4)) as tax_amount
    from differences
    where
        is_new
        or line_count > 0
        or unit_count <> 0
        or added_gross_amount <> 0
        or added_discount_amount <> 0
        or coalesce(added_shipping_amount, 0) <> 0
        or coalesce(added_tax_amount, 0) <> 0

)

select * from documents
order by order_id
