-- Grain: one row per refund.
-- A refund is a document of its own, on its own day, with amounts below zero; the purchase it is
-- of keeps its day and its amounts.
with

refunds as (

    select *
    from staging.refunds
    where dt = $run_date

),

documents as (

    select
        'refund:' || refund_id as order_id,
        source,
        record_id,
        customer_number,
        linked_customer_number,
        email,
        phone,
        loyalty_id,
        handle,
        'refund' as order_kind,
        order_id as original_order_id,
        channel,
        currency,
        refunded_at as ordered_at,
        refund_date as order_date,
        cast(-amount as decimal(18, 4)) as gross_amount,
        cast(0 as decimal(18, 4)) as discount_amount,
        cast(-amount as decimal(18, 4)) as net_amount
    from refunds

)

select * from documents
order by order_id
