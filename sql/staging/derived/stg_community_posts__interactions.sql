-- Grain: one row per contribution of a customer to the forum. Indirect: it is read by others.
-- What the brand's own people write is no customer's doing.
with

posts as (

    select *
    from staging.community_posts
    where dt = $run_date and not coalesce(is_staff, false)

),

events as (

    select
        'community_' || post_kind || ':' || post_id as interaction_id,
        source,
        record_id,
        'community_' || post_kind as interaction_kind,
        'community' as channel,
        'community' as touchpoint,
        posted_at as occurred_at,
        post_date as interaction_date,
        false as is_direct,
        true as is_initiated_by_customer,
        case post_kind when 'question' then 'retention' else 'advocacy' end as life_cycle_stage,
        text is not null as has_text,
        language,
        sentiment(text, language) as sentiment,
        case when sentiment(text, language) is not null then sentiment_scorer() end
            as sentiment_scorer,
        post_id as mention_id
    from posts

)

select * from events
order by interaction_id
