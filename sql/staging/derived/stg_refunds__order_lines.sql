-- Grain: one row per refund: its document has one line.
-- What is given back for a unit is what is given back in all, divided: after discounts, and
-- rounded. Where the goods are kept, the line moves money alone.
with

refunds as (

    select *
    from staging.refunds
    where dt = $run_date

),

lines as (

    select
        'refund:' || refund_id as order_id,
        1 as line_number,
        source,
        'refund' as order_kind,
        refund_date as order_date,
        currency,
        case when quantity > 0 then 'product' else 'manual' end as line_kind,
        product_id,
        sku,
        cast(-quantity as decimal(18, 3)) as quantity,
        cast(
            case when quantity > 0 then amount / quantity else amount end as decimal(18, 4)
        ) as unit_price,
        cast(-amount as decimal(18, 4)) as gross_amount,
        cast(0 as decimal(18, 4)) as discount_amount,
        cast(-amount as decimal(18, 4)) as net_amount
    from refunds

)

select * from lines
order by order_id, line_number
