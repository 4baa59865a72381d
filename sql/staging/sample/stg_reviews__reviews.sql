-- Grain: one row per review left in the web shop.
-- A display name is no identifier: without an account the review is anonymous.
with

reviews as (

    select *
    from raw.reviews
    where dt = $run_date

),

renamed as (

    select
        'shop:' || review_id as review_id,
        'shop' as source,
        'shop:' || account as record_id,
        'shop:' || account as customer_number,
        'review' as channel,
        'catalogue:' || sku as product_id,
        'order:' || order_number as order_id,
        user_name as author_name,
        cast(stars as decimal(9, 2)) as rating,
        cast(1 as decimal(9, 2)) as scale_min,
        cast(5 as decimal(9, 2)) as scale_max,
        nullif(trim(title), '') as title,
        nullif(trim(text), '') as text,
        language,
        helpful as helpful_count,
        posted_at,
        business_date(posted_at, $time_zone) as review_date
    from reviews

)

select * from renamed
order by review_id
