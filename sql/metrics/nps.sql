-- Grain: one row per response day, survey and channel; `all` is a total.
-- Null score = too few answers; zero = as many promoters as detractors.
with

responses as (

    select *
    from marts.survey_responses
    where dt = $run_date and metric = 'nps'

),

totals as (

    select
        response_date,
        case when grouping(survey) = 1 then 'all' else survey end as survey,
        case when grouping(channel) = 1 then 'all' else channel end as channel,
        count(*) as asked_count,
        count(score) as response_count,
        count(case when nps_group = 'promoter' then 1 end) as promoter_count,
        count(case when nps_group = 'passive' then 1 end) as passive_count,
        count(case when nps_group = 'detractor' then 1 end) as detractor_count,
        make_array(
            count(case when score = 0 then 1 end),
            count(case when score = 1 then 1 end),
            count(case when score = 2 then 1 end),
            count(case when score = 3 then 1 end),
            count(case when score = 4 then 1 end),
            count(case when score = 5 then 1 end),
            count(case when score = 6 then 1 end),
            count(case when score = 7 then 1 end),
            count(case when score = 8 then 1 end),
            count(case when score = 9 then 1 end),
            count(case when score = 10 then 1 end)
        ) as score_counts
    from responses
    group by grouping sets (
        (response_date, survey, channel),
        (response_date, survey),
        (response_date, channel),
        (response_date)
    )

),

scored as (

    select
        *,
        case
            when response_count > 0 and response_count >= $minimum_sample_size
                then 100.0 * (promoter_count - detractor_count) / response_count
        end as exact_score,
        case
            when response_count > 0 and response_count >= $minimum_sample_size
                then nps_standard_error(promoter_count, passive_count, detractor_count)
        end as exact_error
    from totals

),

nps as (

    select
        response_date,
        survey,
        channel,
        asked_count,
        response_count,
        promoter_count,
        passive_count,
        detractor_count,
        score_counts,
        cast(exact_score as decimal(9, 4)) as nps_score,
        cast(exact_error as decimal(9, 4)) as standard_error,
        cast(
            case
                when exact_score - $confidence_z * exact_error < -100 then -100
                else exact_score - $confidence_z * exact_error
            end
            as decimal(9, 4)
        ) as score_lower,
        cast(
            case
                when exact_score + $confidence_z * exact_error > 100 then 100
                else exact_score + $confidence_z * exact_error
            end
            as decimal(9, 4)
        ) as score_upper
    from scored

)

select * from nps
order by response_date, survey, channel
