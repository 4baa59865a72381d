-- Grain: one row per customer.
-- Zero is none; a null date, score or mean is nothing to tell it from. Scores are the fifths of all
-- who ever bought, as of the day.
with

mapped as (

    select record_id, customer_id
    from identity.identity_map
    where dt = $run_date

),

record_orders as (

    select *
    from marts.record_orders
    where dt = $run_date

),

record_categories as (

    select *
    from marts.record_categories
    where dt = $run_date

),

customers as (

    select distinct customer_id
    from mapped

),

transactions as (

    select
        mapped.customer_id,
        min(record_orders.first_order_date) as first_order_date,
        max(record_orders.last_order_date) as last_order_date,
        max(record_orders.last_return_date) as last_return_date,
        sum(record_orders.order_count) as order_count,
        sum(record_orders.cancellation_count) as cancellation_count,
        sum(record_orders.refund_count) as refund_count,
        sum(record_orders.other_currency_order_count) as other_currency_order_count,
        sum(record_orders.gross_amount) as gross_amount,
        sum(record_orders.discount_amount) as discount_amount,
        sum(record_orders.cancelled_amount) as cancelled_amount,
        sum(record_orders.refunded_amount) as refunded_amount,
        sum(record_orders.net_amount) as net_amount
    from record_orders
    inner join mapped on record_orders.record_id = mapped.record_id
    group by mapped.customer_id

),

categories as (

    select
        mapped.customer_id,
        record_categories.category,
        sum(record_categories.purchase_line_count) as purchase_line_count,
        sum(record_categories.unit_count) as unit_count,
        sum(record_categories.returned_unit_count) as returned_unit_count,
        sum(record_categories.cost_amount) as cost_amount,
        sum(record_categories.costed_net_amount) as costed_net_amount,
        max(record_categories.last_purchase_date) as last_purchase_date
    from record_categories
    inner join mapped on record_categories.record_id = mapped.record_id
    group by mapped.customer_id, record_categories.category

),

goods as (

    select
        customer_id,
        sum(unit_count) as unit_count,
        sum(returned_unit_count) as returned_unit_count,
        sum(cost_amount) as cost_amount,
        sum(costed_net_amount) as costed_net_amount
    from categories
    group by customer_id

),

-- The top one has the most lines; of those with as many the last bought, then the first by name.
-- One text that sorts so costs less to compare than three columns; its numbers have one length.
bought_categories as (

    select
        customer_id,
        sorted_list(category) as categories,
        substr(
            min(
                concat(
                    cast(2000000000000 - purchase_line_count as varchar),
                    cast(20000000 - coalesce(cast(last_purchase_date as int), 0) as varchar),
                    category
                )
            ),
            22
        ) as top_category
    from categories
    where purchase_line_count > 0 and category <> 'unknown'
    group by customer_id

),

totals as (

    select
        customers.customer_id,
        transactions.first_order_date,
        transactions.last_order_date,
        transactions.last_return_date,
        cast(coalesce(transactions.order_count, 0) as bigint) as order_count,
        cast(coalesce(transactions.cancellation_count, 0) as bigint) as cancellation_count,
        cast(coalesce(transactions.refund_count, 0) as bigint) as refund_count,
        cast(coalesce(transactions.other_currency_order_count, 0) as bigint)
            as other_currency_order_count,
        cast(coalesce(transactions.gross_amount, 0) as decimal(18, 4)) as gross_amount,
        cast(coalesce(transactions.discount_amount, 0) as decimal(18, 4)) as discount_amount,
        cast(coalesce(transactions.cancelled_amount, 0) as decimal(18, 4)) as cancelled_amount,
        cast(coalesce(transactions.refunded_amount, 0) as decimal(18, 4)) as refunded_amount,
        cast(coalesce(transactions.net_amount, 0) as decimal(18, 4)) as net_amount,
        case
            when transactions.order_count > transactions.other_currency_order_count
                then cast(
                    (transactions.gross_amount - transactions.discount_amount)
                    / (transactions.order_count - transactions.other_currency_order_count)
                    as decimal(18, 4)
                )
        end as average_order_amount,
        case
            when transactions.order_count > 1
                then cast(
                    cast(
                        days_between(
                            transactions.first_order_date, transactions.last_order_date
                        ) as decimal(18, 4)
                    ) / (transactions.order_count - 1)
                    as decimal(18, 4)
                )
        end as mean_days_between_orders,
        cast(coalesce(goods.unit_count, 0) as decimal(18, 3)) as unit_count,
        cast(coalesce(goods.returned_unit_count, 0) as decimal(18, 3)) as returned_unit_count,
        cast(coalesce(goods.costed_net_amount, 0) as decimal(18, 4)) as costed_net_amount,
        cast(coalesce(goods.costed_net_amount - goods.cost_amount, 0) as decimal(18, 4))
            as margin_amount,
        bought_categories.categories,
        bought_categories.top_category
    from customers
    left join transactions on customers.customer_id = transactions.customer_id
    left join goods on customers.customer_id = goods.customer_id
    left join bought_categories on customers.customer_id = bought_categories.customer_id

),

-- Who share a value share its score, the lower one. Ranks are of buyers, and of what they are
-- ranked by alone: the other columns need not be sorted three times.
ranked as (

    select
        customer_id,
        rank() over (order by last_order_date) as recency_rank,
        rank() over (order by order_count) as frequency_rank,
        rank() over (order by net_amount) as monetary_rank,
        count(*) over () as customer_count
    from transactions
    where order_count > 0

),

scored as (

    select
        customer_id,
        cast((recency_rank - 1) * 5 / customer_count as bigint) + 1 as recency_score,
        cast((frequency_rank - 1) * 5 / customer_count as bigint) + 1 as frequency_score,
        cast((monetary_rank - 1) * 5 / customer_count as bigint) + 1 as monetary_score
    from ranked

),

weighed as (

    select
        totals.*,
        scored.recency_score,
        scored.frequency_score,
        scored.monetary_score,
        (scored.frequency_score + scored.monetary_score + 1) / 2 as value_score
    from totals
    left join scored on totals.customer_id = scored.customer_id

),

segmented as (

    select
        customer_id,
        first_order_date,
        last_order_date,
        last_return_date,
        order_count,
        cancellation_count,
        refund_count,
        other_currency_order_count,
        gross_amount,
        discount_amount,
        cancelled_amount,
        refunded_amount,
        net_amount,
        average_order_amount,
        mean_days_between_orders,
        unit_count,
        returned_unit_count,
        costed_net_amount,
        margin_amount,
        categories,
        top_category,
        recency_score,
        frequency_score,
        monetary_score,
        case
            when recency_score is null then 'prospect'
            when recency_score = 5 and value_score >= 4 then 'champion'
            when recency_score >= 3 and value_score >= 4 then 'loyal'
            when recency_score >= 4 and value_score >= 2 then 'potential_loyalist'
            when recency_score = 5 then 'new_customer'
            when recency_score = 4 then 'promising'
            when recency_score = 3 and value_score >= 2 then 'needs_attention'
            when recency_score = 3 then 'about_to_sleep'
            when value_score >= 4 then 'cannot_lose'
            when value_score = 3 then 'at_risk'
            when recency_score = 2 then 'hibernating'
            else 'lost'
        end as segment
    from weighed

)

select * from segmented
order by customer_id
