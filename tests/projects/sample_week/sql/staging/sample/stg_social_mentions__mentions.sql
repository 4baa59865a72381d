-- Grain: one row per post or review that the listening service delivered on the day.
-- Null text is a rating without words. The author is known by the handle alone.
with

mentions as (

    select
        *,
        normalize_handle(platform, author_handle) as handle
    from raw.social_mentions
    where dt = $run_date

),

renamed as (

    select
        'social:' || id as mention_id,
        'social' as source,
        'social:' || handle as record_id,
        handle,
        platform,
        case kind when 'review' then 'review' else 'social' end as channel,
        kind as mention_kind,
        author_name,
        posted as posted_at,
        business_date(posted, $time_zone) as mention_date,
        nullif(trim(text), '') as text,
        language,
        url,
        topic,
        'catalogue:' || sku as product_id,
        in_reply_to as in_reply_to_id,
        cast(rating as decimal(9, 2)) as rating,
        case when rating is not null then cast(1 as decimal(9, 2)) end as scale_min,
        case when rating is not null then cast(5 as decimal(9, 2)) end as scale_max,
        likes as like_count,
        reposts as repost_count,
        replies as reply_count,
        author_followers as follower_count
    from mentions

)

select * from renamed
order by mention_id
