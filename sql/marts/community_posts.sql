-- Grain: one row per contribution to the brand's own forum that arrived on the day.
-- Who is not known to be staff is a peer.
with

posts as (

    select *
    from staging.community_posts
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

contributions as (

    select
        posts.post_id,
        posts.source,
        posts.record_id,
        mapped.customer_id,
        coalesce(customers.segment, 'unknown') as segment,
        posts.post_kind,
        posts.parent_id,
        coalesce(posts.is_staff, false) as is_staff,
        posts.topic,
        posts.text is not null as has_text,
        posts.language,
        sentiment(posts.text, posts.language) as sentiment,
        case
            when sentiment(posts.text, posts.language) is not null then sentiment_scorer()
        end as sentiment_scorer,
        posts.is_accepted,
        posts.posted_at,
        posts.post_date
    from posts
    left join mapped on posts.record_id = mapped.record_id
    left join customers on mapped.customer_id = customers.customer_id

)

select * from contributions
order by post_id
