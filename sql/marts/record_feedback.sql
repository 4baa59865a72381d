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

asked as (

    select record_id, metric, source, asked_count, answered_count, score_share as share_sum
    from answers
    union all
    select record_id, metric, source, asked_count, answered_count, score_share_sum as share_sum
    from known

),

counted as (

    select
        record_id,
        metric,
        min(source) as source,
        cast(sum(asked_count) as bigint) as asked_count,
        cast(sum(answered_count) as bigint) as answered_count,
        cast(coalesce(sum(share_sum), 0) as decimal(18, 6)) as score_share_sum
    from asked
    group by record_id, metric

),

answered as (

    select record_id, metric, response_id, score, score_share, response_date, responded_at
    from answers
    where score is not null
    union all
    select
        record_id, metric, last_response_id, last_score, last_score_share, last_response_date,
        last_responded_at
    from known
    where last_response_id is not null
    union all
    select
        record_id, metric, previous_response_id, previous_score, previous_score_share,
        previous_response_date, previous_responded_at
    from known
    where previous_response_id is not null

),

ranked as (

    select
        *,
        row_number() over (
            partition by record_id, metric
            order by
                response_date desc nulls last,
                responded_at desc nulls last,
                response_id desc
        ) as recency
    from answered

),

last_answers as (

    select *
    from ranked
    where recency = 1

),

previous_answers as (

    select *
    from ranked
    where recency = 2

),

feedback as (

    select
        counted.record_id,
        counted.metric,
        counted.source,
        counted.asked_count,
        counted.answered_count,
        counted.score_share_sum,
        last_answers.response_id as last_response_id,
        last_answers.score as last_score,
        last_answers.score_share as last_score_share,
        last_answers.response_date as last_response_date,
        last_answers.responded_at as last_responded_at,
        previous_answers.response_id as previous_response_id,
        previous_answers.score as previous_score,
        previous_answers.score_share as previous_score_share,
        previous_answers.response_date as previous_response_date,
        previous_answers.responded_at as previous_responded_at
    from counted
    left join last_answers
        on
            counted.record_id = last_answers.record_id
            and counted.metric = last_answers.metric
    left join previous_answers
        on
            counted.record_id = previous_answers.record_id
            and counted.metric = previous_answers.metric

)

select * from feedback
order by record_id, metric
