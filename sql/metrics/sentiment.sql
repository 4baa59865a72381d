-- Grain: one row per day of the text, kind of event and channel; `all` is a total.
-- Null mean = too few texts that could be scored; zero = neutral on balance.
with

texts as (

    select *
    from marts.interactions
    where dt = $run_date and has_text

),

totals as (

    select
        interaction_date,
        case when grouping(interaction_kind) = 1 then 'all' else interaction_kind end
            as interaction_kind,
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
        (interaction_date, interaction_kind, channel),
        (interaction_date, interaction_kind),
        (interaction_date, channel),
        (interaction_date)
    )

),

judged as (

    select
        *,
        scored_count > 0 and scored_count >= $minimum_sample_size as is_enough
    from totals

),

sentiment as (

    select
        interaction_date,
        interaction_kind,
        channel,
        text_count,
        scored_count,
        positive_count,
        neutral_count,
        negative_count,
        cast(sentiment_sum as decimal(18, 4)) as sentiment_sum,
        cast(sentiment_square_sum as decimal(18, 8)) as sentiment_square_sum,
        case
            when is_enough
                then cast(
                    cast(sentiment_sum as decimal(18, 6)) / scored_count as decimal(9, 4)
                )
        end as sentiment_mean,
        case
            when is_enough
                then cast(
                    cast(positive_count as decimal(18, 6)) / scored_count as decimal(9, 6)
                )
        end as positive_share,
        case
            when is_enough
                then cast(
                    wilson_lower(positive_count, scored_count, $confidence_z) as decimal(9, 6)
                )
        end as positive_share_lower,
        case
            when is_enough
                then cast(
                    wilson_upper(positive_count, scored_count, $confidence_z) as decimal(9, 6)
                )
        end as positive_share_upper,
        case
            when is_enough
                then cast(
                    cast(negative_count as decimal(18, 6)) / scored_count as decimal(9, 6)
                )
        end as negative_share,
        sentiment_scorer
    from judged

)

select * from sentiment
order by interaction_date, interaction_kind, channel
