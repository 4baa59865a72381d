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
        dt as known_date,
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
        dt as known_date,
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
        dt as known_date,
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
        dt as known_date,
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
        dt as known_date,
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
        dt as known_date,
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

-- The standard: the mix of segments over all channels.
standard as (

    select
        window_days,
        measure,
        segment,
        sum(response_count) as standard_count
    from strata
    group by window_days, measure, segment

),

weighted as (

    select
        strata.*,
        standard.standard_count,
        cast(
            standard.standard_count
            * (cast(strata.score_sum as decimal(18, 6)) / strata.response_count)
            as decimal(38, 8)
        ) as weighted_score,
        cast(
            cast(standard.standard_count as double) * standard.standard_count
            * greatest(
                cast(strata.score_square_sum as double) / strata.response_count
                - cast(strata.score_sum as double) / strata.response_count
                * (cast(strata.score_sum as double) / strata.response_count),
                0.0
            ) / strata.response_count
            as decimal(38, 8)
        ) as weighted_variance
    from strata
    inner join standard
        on
            strata.window_days = standard.window_days
            and strata.measure = standard.measure
            and strata.segment = standard.segment

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
        sum(weighted_score) as weighted_score,
        sum(weighted_variance) as weighted_variance
    from weighted
    group by window_days, measure, channel

),

totals_by_measure as (

    select
        window_days,
        measure,
        sum(response_count) as response_count,
        sum(score_sum) as score_sum,
        sum(score_square_sum) as score_square_sum
    from strata
    group by window_days, measure

),

compared as (

    select
        by_channel.*,
        cast(
            cast(by_channel.covered_count as decimal(18, 6)) / totals_by_measure.response_count
            as decimal(9, 6)
        ) as covered_share,
        by_channel.response_count >= $minimum_sample_size
        and by_channel.covered_count * 5 >= totals_by_measure.response_count * 4 as is_comparable
    from by_channel
    inner join totals_by_measure
        on
            by_channel.window_days = totals_by_measure.window_days
            and by_channel.measure = totals_by_measure.measure

),

adjusted as (

    select
        window_days,
        measure,
        channel,
        response_count,
        score_sum,
        score_square_sum,
        covered_share,
        case
            when is_comparable
                then cast(weighted_score / covered_count as decimal(9, 4))
        end as adjusted_score,
        case
            when is_comparable
                then cast(
                    sqrt(cast(weighted_variance as double)) / covered_count as decimal(9, 4)
                )
        end as adjusted_error
    from compared

),

spreads as (

    select
        window_days,
        measure,
        count(adjusted_score) as compared_channel_count,
        case
            when count(adjusted_score) >= 2 then max(adjusted_score) - min(adjusted_score)
        end as adjusted_spread,
        case
            when count(adjusted_score) >= 2
                then cast(
                    max(
                        case
                            when adjusted_score is not null
                                then cast(score_sum as decimal(18, 6)) / response_count
                        end
                    )
                    - min(
                        case
                            when adjusted_score is not null
                                then cast(score_sum as decimal(18, 6)) / response_count
                        end
                    )
                    as decimal(9, 4)
                )
        end as raw_spread
    from adjusted
    group by window_days, measure

),

with_total as (

    select
        window_days,
        measure,
        channel,
        response_count,
        score_sum,
        score_square_sum,
        covered_share,
        adjusted_score,
        adjusted_error,
        cast(null as bigint) as compared_channel_count,
        cast(null as decimal(9, 4)) as raw_spread,
        cast(null as decimal(9, 4)) as adjusted_spread
    from adjusted
    union all
    select
        totals_by_measure.window_days,
        totals_by_measure.measure,
        'all' as channel,
        totals_by_measure.response_count,
        totals_by_measure.score_sum,
        totals_by_measure.score_square_sum,
        cast(1 as decimal(9, 6)) as covered_share,
        cast(null as decimal(9, 4)) as adjusted_score,
        cast(null as decimal(9, 4)) as adjusted_error,
        spreads.compared_channel_count,
        spreads.raw_spread,
        spreads.adjusted_spread
    from totals_by_measure
    inner join spreads
        on
            totals_by_measure.window_days = spreads.window_days
            and totals_by_measure.measure = spreads.measure

),

started as (

    select min(known_date) as first_known_date
    from scores

),

totals as (

    select
        with_total.*,
        coalesce(
            days_between(started.first_known_date, $run_date) >= with_total.window_days - 1, false
        ) as is_mature
    from with_total
    cross join started

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
        covered_share,
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
