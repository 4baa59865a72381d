-- Grain: one row per response day, survey, channel and segment; `all` is a total.
-- Null share = too few answers; zero = nobody was satisfied. A rating that is changed takes the
-- earlier one out of the latest ratings, in a row of its own day.
with

responses as (

    select
        *,
        score_share >= 0.75 as is_good,
        -- Whose first and latest answer are looked for among its case's.
        case_id is not null and score is not null as is_rating_of_case
    from marts.survey_responses
    where dt = $run_date and metric = 'csat'

),

today as (

    select *
    from marts.rated_cases
    where dt = $run_date

),

yesterday as (

    select *
    from marts.rated_cases
    where dt = $run_date - interval '1 day'

),

answers as (

    select
        response_date,
        survey,
        channel,
        segment,
        1 as asked_count,
        case when score is not null then 1 else 0 end as response_count,
        case when is_good then 1 else 0 end as good_count,
        coalesce(score_share, 0) as score_share_sum,
        coalesce(cast(score_share * score_share as decimal(18, 6)), 0) as score_share_square_sum,
        case when score is not null and not is_rating_of_case then 1 else 0 end
            as first_response_count,
        case when is_good and not is_rating_of_case then 1 else 0 end as first_good_count,
        case when score is not null and not is_rating_of_case then 1 else 0 end
            as latest_response_count,
        case when is_good and not is_rating_of_case then 1 else 0 end as latest_good_count
    from responses

),

-- The first and the latest rating of a case, where they are others than yesterday: the new one
-- counts, the old one no more.
first_ratings as (

    select
        today.first_response_date as response_date,
        today.survey,
        today.first_channel as channel,
        today.first_segment as segment,
        0 as asked_count,
        0 as response_count,
        0 as good_count,
        0 as score_share_sum,
        0 as score_share_square_sum,
        1 as first_response_count,
        case when today.first_score_share >= 0.75 then 1 else 0 end as first_good_count,
        0 as latest_response_count,
        0 as latest_good_count
    from today
    left join yesterday
        on today.case_id = yesterday.case_id and today.survey = yesterday.survey
    where today.first_response_id is distinct from yesterday.first_response_id

),

former_first_ratings as (

    select
        yesterday.first_response_date as response_date,
        yesterday.survey,
        yesterday.first_channel as channel,
        yesterday.first_segment as segment,
        0 as asked_count,
        0 as response_count,
        0 as good_count,
        0 as score_share_sum,
        0 as score_share_square_sum,
        -1 as first_response_count,
        case when yesterday.first_score_share >= 0.75 then -1 else 0 end as first_good_count,
        0 as latest_response_count,
        0 as latest_good_count
    from yesterday
    inner join today
        on yesterday.case_id = today.case_id and yesterday.survey = today.survey
    where yesterday.first_response_id <> today.first_response_id

),

latest_ratings as (

    select
        today.latest_response_date as response_date,
        today.survey,
        today.latest_channel as channel,
        today.latest_segment as segment,
        0 as asked_count,
        0 as response_count,
        0 as good_count,
        0 as score_share_sum,
        0 as score_share_square_sum,
        0 as first_response_count,
        0 as first_good_count,
        1 as latest_response_count,
        case when today.latest_score_share >= 0.75 then 1 else 0 end as latest_good_count
    from today
    left join yesterday
        on today.case_id = yesterday.case_id and today.survey = yesterday.survey
    where today.latest_response_id is distinct from yesterday.latest_response_id

),

former_latest_ratings as (

    select
        yesterday.latest_response_date as response_date,
        yesterday.survey,
        yesterday.latest_channel as channel,
        yesterday.latest_segment as segment,
        0 as asked_count,
        0 as response_count,
        0 as good_count,
        0 as score_share_sum,
        0 as score_share_square_sum,
        0 as first_response_count,
        0 as first_good_count,
        -1 as latest_response_count,
        case when yesterday.latest_score_share >= 0.75 then -1 else 0 end as latest_good_count
    from yesterday
    inner join today
        on yesterday.case_id = today.case_id and yesterday.survey = today.survey
    where yesterday.latest_response_id <> today.latest_response_id

),

counted as (

    select * from answers
    union all
    select * from first_ratings
    union all
    select * from former_first_ratings
    union all
    select * from latest_ratings
    union all
    select * from former_latest_ratings

),

totals as (

    select
        response_date,
        case when grouping(survey) = 1 then 'all' else survey end as survey,
        case when grouping(channel) = 1 then 'all' else channel end as channel,
        case when grouping(segment) = 1 then 'all' else segment end as segment,
        sum(asked_count) as asked_count,
        sum(response_count) as response_count,
        sum(good_count) as good_count,
        sum(score_share_sum) as score_share_sum,
        sum(score_share_square_sum) as score_share_square_sum,
        sum(first_response_count) as first_response_count,
        sum(first_good_count) as first_good_count,
        sum(latest_response_count) as latest_response_count,
        sum(latest_good_count) as latest_good_count
    from counted
    group by grouping sets (
        (response_date, survey, channel, segment),
        (response_date, survey, channel),
        (response_date, survey, segment),
        (response_date, channel, segment),
        (response_date, survey),
        (response_date, channel),
        (response_date, segment),
        (response_date)
    )

),

csat as (

    select
        response_date,
        survey,
        channel,
        segment,
        asked_count,
        response_count,
        good_count,
        cast(score_share_sum as decimal(18, 6)) as score_share_sum,
        cast(score_share_square_sum as decimal(18, 6)) as score_share_square_sum,
        first_response_count,
        first_good_count,
        latest_response_count,
        latest_good_count,
        cast(
            case
                when response_count > 0 and response_count >= $minimum_sample_size
                    then cast(good_count as decimal(18, 6)) / response_count
            end
            as decimal(9, 6)
        ) as csat_share,
        cast(
            case
                when response_count > 0 and response_count >= $minimum_sample_size
                    then wilson_lower(good_count, response_count, $confidence_z)
            end
            as decimal(9, 6)
        ) as share_lower,
        cast(
            case
                when response_count > 0 and response_count >= $minimum_sample_size
                    then wilson_upper(good_count, response_count, $confidence_z)
            end
            as decimal(9, 6)
        ) as share_upper,
        cast(
            case
                when response_count > 0 and response_count >= $minimum_sample_size
                    then score_share_sum / response_count
            end
            as decimal(9, 6)
        ) as score_share_mean,
        cast(
            case
                when
                    first_response_count > 0
                    and first_response_count >= $minimum_sample_size
                    and first_good_count >= 0
                    and first_good_count <= first_response_count
                    then cast(first_good_count as decimal(18, 6)) / first_response_count
            end
            as decimal(9, 6)
        ) as first_csat_share,
        cast(
            case
                when
                    first_response_count > 0
                    and first_response_count >= $minimum_sample_size
                    and first_good_count >= 0
                    and first_good_count <= first_response_count
                    then wilson_lower(first_good_count, first_response_count, $confidence_z)
            end
            as decimal(9, 6)
        ) as first_csat_share_lower,
        cast(
            case
                when
                    first_response_count > 0
                    and first_response_count >= $minimum_sample_size
                    and first_good_count >= 0
                    and first_good_count <= first_response_count
                    then wilson_upper(first_good_count, first_response_count, $confidence_z)
            end
            as decimal(9, 6)
        ) as first_csat_share_upper,
        cast(
            case
                when
                    latest_response_count > 0
                    and latest_response_count >= $minimum_sample_size
                    and latest_good_count >= 0
                    and latest_good_count <= latest_response_count
                    then cast(latest_good_count as decimal(18, 6)) / latest_response_count
            end
            as decimal(9, 6)
        ) as latest_csat_share,
        cast(
            case
                when
                    latest_response_count > 0
                    and latest_response_count >= $minimum_sample_size
                    and latest_good_count >= 0
                    and latest_good_count <= latest_response_count
                    then wilson_lower(latest_good_count, latest_response_count, $confidence_z)
            end
            as decimal(9, 6)
        ) as latest_csat_share_lower,
        cast(
            case
                when
                    latest_response_count > 0
                    and latest_response_count >= $minimum_sample_size
                    and latest_good_count >= 0
                    and latest_good_count <= latest_response_count
                    then wilson_upper(latest_good_count, latest_response_count, $confidence_z)
            end
            as decimal(9, 6)
        ) as latest_csat_share_upper
    from totals

)

select * from csat
order by response_date, survey, channel, segment
