-- Grain: one row per article that came back.
-- The back office refunds for all sellers: who the buyer is, the seller's own name for them says.
with

refunds as (

    select
        *,
        normalize_email(email) as normal_email,
        normalize_identifier(replace(loyalty_card, ' ', '')) as loyalty_id
    from raw.refunds
    where dt = $run_date

),

renamed as (

    select
        system || ':' || refund_id as refund_id,
        system as source,
        case
            when account is not null then system || ':' || account
            when loyalty_id is not null then system || ':card-' || loyalty_id
            else system || ':guest-' || md5(normal_email)
        end as record_id,
        case system when 'app' then 'app:' else 'shop:' end || account as customer_number,
        normal_email as email,
        loyalty_id,
        'order:' || order_number as order_id,
        case system when 'shop' then 'web' when 'app' then 'app' else 'store' end as channel,
        'catalogue:' || sku as product_id,
        sku,
        cast(quantity as decimal(18, 3)) as quantity,
        cast(amount as decimal(18, 4)) as amount,
        'GBP' as currency,
        reason,
        refunded_at,
        business_date(refunded_at, $time_zone) as refund_date
    from refunds

)

select * from renamed
order by refund_id
