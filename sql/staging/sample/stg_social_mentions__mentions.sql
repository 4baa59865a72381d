-- Grain: one row per post that the listening service delivered on the day.
-- The author is known by the handle alone.
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
        'social:' || mention_id as mention_id,
        'social' as source,
        'social:' || handle as record_id,
        handle,
        platform,
        'social' as channel,
        case when in_reply_to is null then 'post' else 'reply' end as mention_kind,
        author_name,
        posted_at,
        business_date(posted_at, $time_zone) as mention_date,
        nullif(trim(text), '') as text,
        language,
        url,
        topic,
        in_reply_to as in_reply_to_id,
        like_count,
        repost_count,
        reply_count,
        view_count,
        author_followers as follower_count
    from mentions

)

select * from renamed
order by mention_id
