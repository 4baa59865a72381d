-- Grain: one row per contribution to the forum.
with

posts as (

    select *
    from raw.community_posts
    where dt = $run_date

),

renamed as (

    select
        'forum:' || post_id as post_id,
        'forum' as source,
        'forum:' || user_name as record_id,
        'forum:' || user_name as customer_number,
        normalize_email(verified_email) as email,
        kind as post_kind,
        'forum:' || parent as parent_id,
        user_name as author_name,
        topic,
        nullif(trim(text), '') as text,
        language,
        case kind when 'answer' then accepted end as is_accepted,
        posted_at,
        business_date(posted_at, $time_zone) as post_date
    from posts

)

select * from renamed
order by post_id
