-- Grain: one row per record that ever posted about the brand or left a review.
-- Yesterday's totals and today's posts. A sum of zero with a count of zero is nothing scored.
with

mentions as (

    select
        record_id,
        source,
        mention_date as post_date,
        posted_at,
        mention_id as post_id,
        1 as mention_count,
        0 as review_count,
        coalesce(like_count, 0) + coalesce(repost_count, 0) + coalesce(reply_count, 0)
            as reaction_count,
        -- Who saw it where that is counted, else who might have.
        coalesce(view_count, follower_count, 0) as reach_count,
        cast((rating - scale_min) / (scale_max - scale_min) as decimal(9, 6)) as rating_share,
        sentiment(text, language) as sentiment
    from staging.mentions
    where dt = $run_date and record_id is not null

),

reviews as (

    select
        record_id,
        source,
        review_date as post_date,
        posted_at,
        review_id as post_id,
        0 as mention_count,
        1 as review_count,
        coalesce(helpful_count, 0) as reaction_count,
        0 as reach_count,
        cast((rating - scale_min) / (scale_max - scale_min) as decimal(9, 6)) as rating_share,
        sentiment(concat_ws('. ', title, text), language) as sentiment
    from staging.reviews
    where dt = $run_date and record_id is not null

),

posts as (

    select * from mentions
    union all
    select * from reviews

),

known as (

    select *
    from marts.record_social
    where dt = $run_date - interval '1 day'

),

combined as (

    select
        record_id, source, mention_count, review_count, reaction_count, reach_count,
        first_mention_date, last_mention_date, rating_count, rating_share_sum, sentiment_count,
        sentiment_sum, last_post_date, last_posted_at, last_post_id, last_feeling
    from known
    union all
    select
        record_id,
        source,
        mention_count,
        review_count,
        reaction_count,
        reach_count,
        case when mention_count = 1 then post_date end as first_mention_date,
        case when mention_count = 1 then post_date end as last_mention_date,
        case when rating_share is not null then 1 else 0 end as rating_count,
        cast(coalesce(rating_share, 0) as decimal(18, 6)) as rating_share_sum,
        case when sentiment is not null then 1 else 0 end as sentiment_count,
        cast(coalesce(sentiment, 0) as decimal(18, 4)) as sentiment_sum,
        post_date as last_post_date,
        posted_at as last_posted_at,
        post_id as last_post_id,
        cast(coalesce(2 * rating_share - 1, sentiment) as decimal(9, 6)) as last_feeling
    from posts

),

counted as (

    select
        record_id,
        min(source) as source,
        cast(sum(mention_count) as bigint) as mention_count,
        cast(sum(review_count) as bigint) as review_count,
        cast(sum(reaction_count) as bigint) as reaction_count,
        cast(sum(reach_count) as bigint) as reach_count,
        min(first_mention_date) as first_mention_date,
        max(last_mention_date) as last_mention_date,
        cast(sum(rating_count) as bigint) as rating_count,
        cast(sum(rating_share_sum) as decimal(18, 6)) as rating_share_sum,
        cast(sum(sentiment_count) as bigint) as sentiment_count,
        cast(sum(sentiment_sum) as decimal(18, 4)) as sentiment_sum
    from combined
    group by record_id

),

-- The last post that says how it was meant; of those that do not, the last.
ranked as (

    select
        record_id,
        last_post_date,
        last_posted_at,
        last_post_id,
        last_feeling,
        row_number() over (
            partition by record_id
            order by
                last_feeling is null,
                last_post_date desc,
                last_posted_at desc nulls last,
                last_post_id desc
        ) as recency
    from combined

),

totals as (

    select
        counted.record_id,
        counted.source,
        counted.mention_count,
        counted.review_count,
        counted.reaction_count,
        counted.reach_count,
        counted.first_mention_date,
        counted.last_mention_date,
        counted.rating_count,
        counted.rating_share_sum,
        counted.sentiment_count,
        counted.sentiment_sum,
        ranked.last_post_date,
        ranked.last_posted_at,
        ranked.last_post_id,
        ranked.last_feeling
    from counted
    inner join ranked on counted.record_id = ranked.record_id
    where ranked.recency = 1

)

select * from totals
order by record_id
