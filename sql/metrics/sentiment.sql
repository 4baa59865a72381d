-- Grain: one row per day of the text, kind of text, topic and channel; `all` is a total.
-- Null mean = too few texts that could be scored; zero = neutral on balance.
with

texts as (

    select
        mention_date as text_date,
        'mention' as text_kind,
        coalesce(topic, 'unknown') as topic,
        channel as channel,
        sentiment,
        sentiment_scorer
    from marts.mentions
    where dt = $run_date and has_text
    union all
    select
        review_date as text_date,
        'review' as text_kind,
        coalesce(cast(null as varchar), 'unknown') as topic,
        channel as channel,
        sentiment,
        sentiment_scorer
    from marts.reviews
    where dt = $run_date and has_text
    union all
    select
        post_date as text_date,
        'community_post' as text_kind,
        coalesce(topic, 'unknown') as topic,
        'community' as channel,
        sentiment,
        sentiment_scorer
    from marts.community_posts
    where dt = $run_date and has_text and not is_staff
    union all
    select
        case_date as text_date,
        'case' as text_kind,
        coalesce(topic, 'unknown') as topic,
        channel as channel,
        sentiment,
        sentiment_scorer
    from marts.cases
    where dt = $run_date and has_text and first_reported_date = $run_date
    union all
    -- The words beside a rating are a comment to an answer already.
    select
        event_date as text_date,
        'case_reply' as text_kind,
        coalesce(topic, 'unknown') as topic,
        channel as channel,
        sentiment,
        sentiment_scorer
    from marts.case_events
    where dt = $run_date and has_text and event_kind <> 'rated'
    union all
    select
        response_date as text_date,
        'survey_comment' as text_kind,
        coalesce(touchpoint, 'unknown') as topic,
        channel as channel,
        sentiment,
        sentiment_scorer
    from marts.survey_responses
    where dt = $run_date and has_text

),

totals as (

    select
        text_date,
        case when grouping(text_kind) = 1 then 'all' else text_kind end as text_kind,
        case when grouping(topic) = 1 then 'all' else topic end as topic,
        case when grouping(channel) = 1 then 'all' else channel end as channel,
        count(*) as text_count,
        count(sentiment) as scored_count,
        count(case when sentiment >= 0.05 then 1 end) as positive_count,
        count(case when sentiment > -0.05 and sentiment < 0.05 then 1 end) as neutral_count,
        count(case when sentiment <= -0.05 then 1 end) as negative_count,
        coalesce(sum(sentiment), 0) as sentiment_sum,
        coalesce(sum(cast(sentiment * sentiment as decimal(18, 8))), 0)
            as sentiment_square_sum,
        min(sentiment_scorer) as sentiment_scorer
    from texts
    group by grouping sets (
        (text_date, text_kind, topic, channel),
        (text_date, text_kind, topic),
        (text_date, text_kind, channel),
        (text_date, topic, channel),
        (text_date, text_kind),
        (text_date, topic),
        (text_date, channel),
        (text_date)
    )

),

sentiment as (

    select
        text_date,
        text_kind,
        topic,
        channel,
        text_count,
        scored_count,
        positive_count,
        neutral_count,
        negative_count,
        cast(sentiment_sum as decimal(18, 4)) as sentiment_sum,
        cast(sentiment_square_sum as decimal(18, 8)) as sentiment_square_sum,
        sentiment_scorer,
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
                    then cast(sentiment_sum as double) / scored_count - $confidence_z *
                         sqrt(greatest(cast(sentiment_square_sum as double) / scored_count -
                         cast(sentiment_sum as double) / scored_count * (cast(sentiment_sum as
                         double) / scored_count), 0.0) / scored_count)
            end
            as decimal(9, 4)
        ) as sentiment_lower,
        cast(
            case
                when scored_count > 0 and scored_count >= $minimum_sample_size
                    then cast(sentiment_sum as double) / scored_count + $confidence_z *
                         sqrt(greatest(cast(sentiment_square_sum as double) / scored_count -
                         cast(sentiment_sum as double) / scored_count * (cast(sentiment_sum as
                         double) / scored_count), 0.0) / scored_count)
            end
            as decimal(9, 4)
        ) as sentiment_upper,
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
        ) as positive_share_upper,
        cast(
            case
                when scored_count > 0 and scored_count >= $minimum_sample_size
                    then cast(negative_count as decimal(18, 6)) / scored_count
            end
            as decimal(9, 6)
        ) as negative_share,
        cast(
            case
                when scored_count > 0 and scored_count >= $minimum_sample_size
                    then wilson_lower(negative_count, scored_count, $confidence_z)
            end
            as decimal(9, 6)
        ) as negative_share_lower,
        cast(
            case
                when scored_count > 0 and scored_count >= $minimum_sample_size
                    then wilson_upper(negative_count, scored_count, $confidence_z)
            end
            as decimal(9, 6)
        ) as negative_share_upper
    from totals

)

select * from sentiment
order by text_date, text_kind, topic, channel
