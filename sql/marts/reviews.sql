-- Grain: one row per review of a product, left with the seller, that arrived on the day.
-- Null rating: words alone; null sentiment: stars alone, or a language without a scorer.
with

reviews as (

    select
        *,
        nullif(concat_ws('. ', title, text), '') as told_text
    from staging.reviews
    where dt = $run_date

),

mapped as (

    select record_id, customer_id
    from identity.identity_map
    where dt = $run_date

),

customers as (

    select customer_id, segment
    from marts.customers
    where dt = $run_date

),

opinions as (

    select
        reviews.review_id,
        reviews.source,
        reviews.record_id,
        mapped.customer_id,
        coalesce(customers.segment, 'unknown') as segment,
        reviews.channel,
        reviews.product_id,
        reviews.order_id,
        reviews.order_id is not null as is_verified,
        reviews.rating,
        reviews.scale_min,
        reviews.scale_max,
        cast(
            (reviews.rating - reviews.scale_min) / (reviews.scale_max - reviews.scale_min)
            as decimal(9, 6)
        ) as rating_share,
        reviews.told_text is not null as has_text,
        reviews.language,
        sentiment(reviews.told_text, reviews.language) as sentiment,
        case
            when sentiment(reviews.told_text, reviews.language) is not null
                then sentiment_scorer()
        end as sentiment_scorer,
        reviews.helpful_count,
        reviews.posted_at,
        reviews.review_date
    from reviews
    left join mapped on reviews.record_id = mapped.record_id
    left join customers on mapped.customer_id = customers.customer_id

)

select * from opinions
order by review_id
