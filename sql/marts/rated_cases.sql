-- Grain: one row per case and survey by which it was rated in the last `case_memory_days` days.
-- The first and the latest rating by the day of the answer, its time (where unknown, before all
-- known ones) and its id; a late answer can become the first. Each is kept as it was counted on
-- the day it arrived.
with

ratings as (

    select
        case_id,
        survey,
        response_id,
        channel,
        segment,
        response_date,
        responded_at,
        score_share,
        1 as rating_count,
        true as is_of_today
    from marts.survey_responses
    where
        dt = $run_date
        and metric = 'csat'
        and case_id is not null
        and score is not null

),

known as (

    select *
    from marts.rated_cases
    where dt = $run_date - interval '1 day'

),

candidates as (

    select * from ratings
    union all
    select
        case_id, survey, first_response_id, first_channel, first_segment, first_response_date,
        first_responded_at, first_score_share, rating_count, false as is_of_today
    from known
    union all
    select
        case_id, survey, latest_response_id, latest_channel, latest_segment, latest_response_date,
        latest_responded_at, latest_score_share, 0 as rating_count, false as is_of_today
    from known

),

ranked as (

    select
        *,
        row_number() over (
            partition by case_id, survey
            order by response_date, responded_at nulls first, response_id
        ) as rank_from_first,
        row_number() over (
            partition by case_id, survey
            order by response_date desc, responded_at desc nulls last, response_id desc
        ) as rank_from_latest
    from candidates

),

rated as (

    select
        case_id,
        survey,
        cast(sum(rating_count) as bigint) as rating_count,
        max(case when rank_from_first = 1 then response_id end) as first_response_id,
        max(case when rank_from_first = 1 then channel end) as first_channel,
        max(case when rank_from_first = 1 then segment end) as first_segment,
        max(case when rank_from_first = 1 then response_date end) as first_response_date,
        max(case when rank_from_first = 1 then responded_at end) as first_responded_at,
        max(case when rank_from_first = 1 then score_share end) as first_score_share,
        max(case when rank_from_latest = 1 then response_id end) as latest_response_id,
        max(case when rank_from_latest = 1 then channel end) as latest_channel,
        max(case when rank_from_latest = 1 then segment end) as latest_segment,
        max(case when rank_from_latest = 1 then response_date end) as latest_response_date,
        max(case when rank_from_latest = 1 then responded_at end) as latest_responded_at,
        max(case when rank_from_latest = 1 then score_share end) as latest_score_share
    from ranked
    group by case_id, survey
    -- What arrives late is known for its day, to count in it.
    having
        max(response_date) > cast(cast($run_date as int) - $case_memory_days as date)
        or bool_or(is_of_today)

),

flipped as (

    select
        *,
        (first_score_share >= 0.75) <> (latest_score_share >= 0.75) as is_flipped
    from rated

)

select * from flipped
order by case_id, survey
