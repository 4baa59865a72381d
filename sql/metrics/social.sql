-- Grain: one row per day of the post, platform, topic and segment; `all` is a total.
-- Zero views: none, or not told; viewed_count says of how many posts they are told.
with

posts as (

    select
        *,
        coalesce(topic, 'unknown') as known_topic
    from marts.mentions
    where dt = $run_date

),

named as (

    select
        mention_date,
        platform,
        known_topic as topic,
        segment,
        mention_kind,
        customer_id,
        like_count,
        repost_count,
        reply_count,
        view_count,
        follower_count,
        rating_share,
        sentiment
    from posts

),

totals as (

    select
        mention_date,
        case when grouping(platform) = 1 then 'all' else platform end as platform,
        case when grouping(topic) = 1 then 'all' else topic end as topic,
        case when grouping(segment) = 1 then 'all' else segment end as segment,
        count(*) as mention_count,
        count(case when mention_kind in ('reply', 'comment') then 1 end) as reply_count,
        count(case when mention_kind = 'repost' then 1 end) as repost_count,
        count(case when mention_kind = 'review' then 1 end) as review_count,
        count(customer_id) as customer_mention_count,
        count(view_count) as viewed_count,
        coalesce(sum(view_count), 0) as view_count,
        coalesce(sum(follower_count), 0) as follower_count,
        coalesce(sum(like_count), 0) + coalesce(sum(repost_count), 0)
        + coalesce(sum(reply_count), 0) as engagement_count,
        count(rating_share) as rated_count,
        coalesce(sum(rating_share), 0) as rating_share_sum,
        count(sentiment) as scored_count,
        count(case when sentiment >= 0.05 then 1 end) as positive_count,
        count(case when sentiment <= -0.05 then 1 end) as negative_count,
        coalesce(sum(sentiment), 0) as sentiment_sum
    from named
    group by grouping sets (
        (mention_date, platform, topic, segment),
        (mention_date, platform, topic),
        (mention_date, platform, segment),
        (mention_date, topic, segment),
        (mention_date, platform),
        (mention_date, topic),
        (mention_date, segment),
        (mention_date)
    )

),

social as (

    select
        mention_date,
        platform,
        topic,
        segment,
        mention_count,
        reply_count,
        repost_count,
        review_count,
        customer_mention_count,
        viewed_count,
        view_count,
        follower_count,
        engagement_count,
        rated_count,
        cast(rating_share_sum as decimal(18, 6)) as rating_share_sum,
        scored_count,
        positive_count,
        negative_count,
        cast(sentiment_sum as decimal(18, 4)) as sentiment_sum,
        cast(
            case
                when rated_count > 0 and rated_count >= $minimum_sample_size
                    then rating_share_sum / rated_count
            end
            as decimal(9, 6)
        ) as rating_mean,
        cast(
            case
                when scored_count > 0 and scored_count >= $minimum_sample_size
                    then cast(sentiment_sum as decimal(18, 6)) / scored_count
            end
            as decimal(9, 4)
        ) as sentiment_mean,
        cast(
            case
                when scored_count > 0 and scored_count >= $minimum_sample_size
                    then cast(positive_count as decimal(18, 6)) / scored_count
            end
            as decimal(9, 6)
        ) as positive_share,
        cast(
            case
                when scored_count > 0 and scored_count >= $minimum_sample_size
                    then wilson_lower(positive_count, scored_count, $confidence_z)
            end
            as decimal(9, 6)
        ) as positive_share_lower,
        cast(
            case
                when scored_count > 0 and scored_count >= $minimum_sample_size
                    then wilson_upper(positive_count, scored_count, $confidence_z)
            end
            as decimal(9, 6)
        ) as positive_share_upper
    from totals

)

select * from social
order by mention_date, platform, topic, segment
