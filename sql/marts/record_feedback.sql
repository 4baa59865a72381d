-- Grain: one row per record and metric that was ever asked.
-- Null last_score is asked and never answered. Yesterday's totals and today's answers.
with

responses as (

    select
        *,
        cast((score - scale_min) / (scale_max - scale_min) as decimal(9, 6)) as share_of_scale
    from staging.survey_responses
    where dt = $run_date and record_id is not null

),

known as (

    select *
    from marts.record_feedback
    where dt = $run_date - interval '1 day'

),

answers as (

    select
        record_id,
        metric,
        source,
        1 as asked_count,
        case when score is not null then 1 else 0 end as answered_count,
        case when score is not null then response_id end as response_id,
        score,
        cast(
            case polarity when 'lower_is_better' then 1 - share_of_scale else share_of_scale end
            as decimal(9, 6)
        ) as score_share,
        case when score is not null then response_date end as response_date,
        case when score is not null then responded_at end as responded_at
    from responses

),

combined as (

    select * from answers
    union all
    select
        record_id, metric, source, asked_count, answered_count, last_response_id, last_score,
        last_score_share, last_response_date, last_responded_at
    from known

),

counted as (

    select
        record_id,
        metric,
        min(source) as source,
        cast(sum(asked_count) as bigint) as asked_count,
        cast(sum(answered_count) as bigint) as answered_count
    from combined
    group by record_id, metric

),

latest as (

    select
        record_id, metric, response_id, score, score_share, response_date, responded_at
    from (
        select
            *,
            row_number() over (
                partition by record_id, metric
                order by
                    response_date desc nulls last,
                    responded_at desc nulls last,
                    response_id desc nulls last
            ) as recency
        from combined
    ) as ranked
    where recency = 1

),

feedback as (

    select
        counted.record_id,
        counted.metric,
        counted.source,
        counted.asked_count,
        counted.answered_count,
        latest.response_id as last_response_id,
        latest.score as last_score,
        latest.score_share as last_score_share,
        latest.response_date as last_response_date,
        latest.responded_at as last_responded_at
    from counted
    inner join latest
        on counted.record_id = latest.record_id and counted.metric = latest.metric

)

select * from feedback
order by record_id, metric
