-- Grain: one row per order document that became known on the day, or of which more did.
-- Null customer_id is anonymous. Zero lines: the source gives none, or none was added.
with

documents as (

    select *
    from staging.new_orders
    where dt = $run_date

),

-- The day of the purchase that a document takes back, as far as it lies within the look-back.
purchases as (

    select order_id, order_date
    from staging.new_orders
    where
        dt <= $run_date
        and dt >= cast(cast($run_date as int) - $refund_days as date)
        and is_new
        and order_kind = 'purchase'

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

originals as (

    select order_id, max(order_date) as order_date
    from purchases
    group by order_id

),

owned as (

    select
        documents.*,
        mapped.customer_id,
        customers.first_order_date,
        case
            when documents.order_kind in ('cancellation', 'refund')
                then coalesce(originals.order_date, documents.order_date)
            else documents.order_date
        end as purchase_date,
        case
            when documents.order_kind in ('cancellation', 'refund')
                then originals.order_id is not null
            else true
        end as is_purchase_known
    from documents
    left join originals on documents.original_order_id = originals.order_id
    left join mapped on documents.record_id = mapped.record_id
    left join customers on mapped.customer_id = customers.customer_id

),

facts as (

    select
        order_id,
        source,
        record_id,
        customer_id,
        case
            when customer_id is null then 'anonymous'
            when order_date = first_order_date then 'new'
            else 'returning'
        end as customer_type,
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
        purchase_date,
        case
            when customer_id is null then 'anonymous'
            when purchase_date = first_order_date then 'new'
            else 'returning'
        end as purchase_customer_type,
        is_purchase_known,
        campaign_id,
        line_count,
        unit_count,
        gross_amount,
        discount_amount,
        net_amount,
        shipping_amount,
        tax_amount
    from owned

)

select * from facts
order by order_id
