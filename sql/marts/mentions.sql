-- Grain: one row per public post that arrived on the day.
-- Null counts: the platform does not tell them; zero is none.
with

mentions as (

    select *
    from staging.mentions
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

posts as (

    select
        mentions.mention_id,
        mentions.source,
        mentions.record_id,
        mapped.customer_id,
        coalesce(customers.segment, 'unknown') as segment,
        mentions.platform,
        mentions.channel,
        mentions.mention_kind,
        mentions.topic,
        mentions.product_id,
        mentions.in_reply_to_id,
        mentions.posted_at,
        mentions.mention_date,
        mentions.text is not null as has_text,
        mentions.language,
        sentiment(mentions.text, mentions.language) as sentiment,
        case
            when sentiment(mentions.text, mentions.language) is not null then sentiment_scorer()
        end as sentiment_scorer,
        cast(
            (mentions.rating - mentions.scale_min) / (mentions.scale_max - mentions.scale_min)
            as decimal(9, 6)
        ) as rating_share,
        mentions.like_count,
        mentions.repost_count,
        mentions.reply_count,
        mentions.view_count,
        mentions.follower_count
    from mentions
    left join mapped on mentions.record_id = mapped.record_id
    left join customers on mapped.customer_id = customers.customer_id

)

select * from posts
order by mention_id
