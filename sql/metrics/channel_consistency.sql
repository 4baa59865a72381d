-- Grain: one row per window, measure and channel; `all` is the total, with the spread between the
-- channels. Null adjusted score = too few answers, or too few of the segments are there to compare.
with

windows as (

    select 28 as window_days
    union all
    select 90 as window_days

),

scores as (

    select
        metric as measure,
        channel,
        segment,
        response_date as event_date,
        cast(
            case
                when nps_group = 'promoter' then 100
                when nps_group = 'detractor' then -100
                when nps_group = 'passive' then 0
                when metric = 'csat' and score_share >= 0.75 then 1
                when metric = 'ces' and score_share >= 0.666666 then 1
                else 0
            end
            as decimal(9, 4)
        ) as score
    from marts.survey_responses
    where
        dt > $run_date - interval '90 days'
        and dt <= $run_date
        and score is not null
    union all
    select
        'sentiment' as measure,
        channel as channel,
        segment,
        mention_date as event_date,
        cast(sentiment as decimal(9, 4)) as score
    from marts.mentions
    where
        dt > $run_date - interval '90 days'
        and dt <= $run_date
        and sentiment is not null
    union all
    select
        'sentiment' as measure,
        channel as channel,
        segment,
        review_date as event_date,
        cast(sentiment as decimal(9, 4)) as score
    from marts.reviews
    where
        dt > $run_date - interval '90 days'
        and dt <= $run_date
        and sentiment is not null
    union all
    select
        'sentiment' as measure,
        'community' as channel,
        segment,
        post_date as event_date,
        cast(sentiment as decimal(9, 4)) as score
    from marts.community_posts
    where
        dt > $run_date - interval '90 days'
        and dt <= $run_date
        and sentiment is not null
        and not is_staff
    union all
    select
        'sentiment' as measure,
        channel as channel,
        segment,
        event_date as event_date,
        cast(sentiment as decimal(9, 4)) as score
    from marts.case_events
    where
        dt > $run_date - interval '90 days'
        and dt <= $run_date
        and sentiment is not null
        and event_kind <> 'rated'
    union all
    select
        'sentiment' as measure,
        channel as channel,
        segment,
        response_date as event_date,
        cast(sentiment as decimal(9, 4)) as score
    from marts.survey_responses
    where
        dt > $run_date - interval '90 days'
        and dt <= $run_date
        and sentiment is not null

),

strata as (

    select
        windows.window_days,
        scores.measure,
        scores.channel,
        scores.segment,
        count(*) as response_count,
        sum(scores.score) as score_sum,
        sum(cast(scores.score * scores.score as decimal(18, 8))) as score_square_sum
    from scores
    inner join windows
        on
            days_between(scores.event_date, $run_date) < windows.window_days
            and scores.event_date <= $run_date
    group by windows.window_days, scores.measure, scores.channel, scores.segment

),

-- The standard is the mix of segments over all channels.
measured as (

    select
        *,
        sum(response_count) over (partition by window_days, measure, segment) as standard_count,
        sum(response_count) over (partition by window_days, measure) as total_count
    from strata

),

weighted as (

    select
        *,
        cast(
            standard_count * (cast(score_sum as decimal(18, 6)) / response_count)
            as decimal(38, 8)
        ) as weighted_score,
        cast(
            cast(standard_count as double) * standard_count
            * greatest(
                cast(score_square_sum as double) / response_count
                - cast(score_sum as double) / response_count
                * (cast(score_sum as double) / response_count),
                0.0
            ) / response_count
            as decimal(38, 8)
        ) as weighted_variance
    from measured

),

by_channel as (

    select
        window_days,
        measure,
        channel,
        sum(response_count) as response_count,
        sum(score_sum) as score_sum,
        sum(score_square_sum) as score_square_sum,
        sum(standard_count) as covered_count,
        max(total_count) as total_count,
        sum(weighted_score) as weighted_score,
        sum(weighted_variance) as weighted_variance
    from weighted
    group by window_days, measure, channel

),

compared as (

    select
        *,
        cast(cast(covered_count as decimal(18, 6)) / total_count as decimal(9, 6))
            as covered_share,
        response_count >= $minimum_sample_size and covered_count * 5 >= total_count * 4
            as is_comparable
    from by_channel

),

adjusted as (

    select
        *,
        case
            when is_comparable
                then cast(weighted_score / covered_count as decimal(9, 4))
        end as adjusted_score,
        case
            when is_comparable
                then cast(
                    sqrt(cast(weighted_variance as double)) / covered_count as decimal(9, 4)
                )
        end as adjusted_error,
        case
            when is_comparable
                then cast(score_sum as decimal(18, 6)) / response_count
        end as comparable_score
    from compared

),

with_total as (

    select
        window_days,
        measure,
        case when grouping(channel) = 1 then 'all' else channel end as channel,
        sum(response_count) as response_count,
        sum(score_sum) as score_sum,
        sum(score_square_sum) as score_square_sum,
        case when grouping(channel) = 0 then max(covered_share) else 1 end as covered_share,
        case when grouping(channel) = 0 then max(adjusted_score) end as adjusted_score,
        case when grouping(channel) = 0 then max(adjusted_error) end as adjusted_error,
        case when grouping(channel) = 1 then count(adjusted_score) end as compared_channel_count,
        case
            when grouping(channel) = 1 and count(adjusted_score) >= 2
                then max(comparable_score) - min(comparable_score)
        end as raw_spread,
        case
            when grouping(channel) = 1 and count(adjusted_score) >= 2
                then max(adjusted_score) - min(adjusted_score)
        end as adjusted_spread
    from adjusted
    group by grouping sets ((window_days, measure, channel), (window_days, measure))

),

totals as (

    select
        *,
        days_between($first_input_date, $run_date) >= window_days - 1 as is_mature
    from with_total

),

channel_consistency as (

    select
        window_days,
        measure,
        channel,
        response_count,
        cast(score_sum as decimal(18, 4)) as score_sum,
        cast(score_square_sum as decimal(18, 8)) as score_square_sum,
        cast(
            case
                when response_count > 0 and response_count >= $minimum_sample_size
                    then cast(score_sum as decimal(18, 6)) / response_count
            end
            as decimal(9, 4)
        ) as raw_score,
        cast(covered_share as decimal(9, 6)) as covered_share,
        cast(adjusted_score as decimal(9, 4)) as adjusted_score,
        cast(adjusted_error as decimal(9, 4)) as adjusted_error,
        compared_channel_count,
        cast(raw_spread as decimal(9, 4)) as raw_spread,
        cast(adjusted_spread as decimal(9, 4)) as adjusted_spread,
        is_mature
    from totals

)

select * from channel_consistency
order by window_days, measure, channel
