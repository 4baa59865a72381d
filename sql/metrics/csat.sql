-- Grain: one row per response day, survey and channel; `all` is a total.
-- Null share = too few answers; zero = nobody was satisfied.
with

responses as (

    select *
    from marts.survey_responses
    where dt = $run_date and metric = 'csat'

),

totals as (

    select
        response_date,
        case when grouping(survey) = 1 then 'all' else survey end as survey,
        case when grouping(channel) = 1 then 'all' else channel end as channel,
        count(*) as asked_count,
        count(score) as response_count,
        count(case when score_share >= 0.75 then 1 end) as good_count,
        coalesce(sum(score_share), 0) as score_share_sum,
        coalesce(sum(cast(score_share * score_share as decimal(18, 6))), 0)
            as score_share_square_sum
    from responses
    group by grouping sets (
        (response_date, survey, channel),
        (response_date, survey),
        (response_date, channel),
        (response_date)
    )

),

judged as (

    select
        *,
        response_count > 0 and response_count >= $minimum_sample_size as is_enough
    from totals

),

csat as (

    select
        response_date,
        survey,
        channel,
        asked_count,
        response_count,
        good_count,
        cast(score_share_sum as decimal(18, 6)) as score_share_sum,
        cast(score_share_square_sum as decimal(18, 6)) as score_share_square_sum,
        case
            when is_enough
                then cast(
                    cast(good_count as decimal(18, 6)) / response_count as decimal(9, 6)
                )
        end as csat_share,
        case
            when is_enough
                then cast(
                    wilson_lower(good_count, response_count, $confidence_z) as decimal(9, 6)
                )
        end as share_lower,
        case
            when is_enough
                then cast(
                    wilson_upper(good_count, response_count, $confidence_z) as decimal(9, 6)
                )
        end as share_upper
    from judged

)

select * from csat
order by response_date, survey, channel
