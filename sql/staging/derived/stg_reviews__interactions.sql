-- Grain: one row per review. Indirect: others are spoken to about the product.
with

reviews as (

    select
        *,
        nullif(concat_ws('. ', title, text), '') as told_text
    from staging.reviews
    where dt = $run_date

),

events as (

    select
        'review_posted:' || review_id as interaction_id,
        source,
        record_id,
        'review_posted' as interaction_kind,
        channel,
        'review' as touchpoint,
        posted_at as occurred_at,
        review_date as interaction_date,
        false as is_direct,
        true as is_initiated_by_customer,
        'advocacy' as life_cycle_stage,
        cast((rating - scale_min) / (scale_max - scale_min) as decimal(9, 6)) as rating_share,
        told_text is not null as has_text,
        language,
        sentiment(told_text, language) as sentiment,
        case when sentiment(told_text, language) is not null then sentiment_scorer() end
            as sentiment_scorer,
        order_id,
        review_id as mention_id,
        product_id
    from reviews

)

select * from events
order by interaction_id
