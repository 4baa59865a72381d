-- Grain: one row per response day, survey, channel and segment; `all` is a total.
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
        case when grouping(segment) = 1 then 'all' else segment end as segment,
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

nps as (

    select
        response_date,
        survey,
        channel,
        segment,
        asked_count,
        response_count,
        promoter_count,
        passive_count,
        detractor_count,
        score_counts,
        cast(
            case
                when response_count > 0 and response_count >= $minimum_sample_size
                    then 100.0 * (promoter_count - detractor_count) / response_count
            end
            as decimal(9, 4)
        ) as nps_score,
        cast(
            case
                when response_count > 0 and response_count >= $minimum_sample_size
                    then nps_standard_error(promoter_count, passive_count, detractor_count)
            end
            as decimal(9, 4)
        ) as standard_error,
        cast(
            case
                when response_count > 0 and response_count >= $minimum_sample_size
                    then greatest(-100.0, 100.0 * (promoter_count - detractor_count) /
                         response_count - $confidence_z * nps_standard_error(promoter_count,
                         passive_count, detractor_count))
            end
            as decimal(9, 4)
        ) as score_lower,
        cast(
            case
                when response_count > 0 and response_count >= $minimum_sample_size
                    then least(100.0, 100.0 * (promoter_count - detractor_count) /
                         response_count + $confidence_z * nps_standard_error(promoter_count,
                         passive_count, detractor_count))
            end
            as decimal(9, 4)
        ) as score_upper,
        cast(
            case
                when asked_count > 0 and asked_count >= $minimum_sample_size
                    then cast(response_count as decimal(18, 6)) / asked_count
            end
            as decimal(9, 6)
        ) as response_share,
        cast(
            case
                when asked_count > 0 and asked_count >= $minimum_sample_size
                    then wilson_lower(response_count, asked_count, $confidence_z)
            end
            as decimal(9, 6)
        ) as response_share_lower,
        cast(
            case
                when asked_count > 0 and asked_count >= $minimum_sample_size
                    then wilson_upper(response_count, asked_count, $confidence_z)
            end
            as decimal(9, 6)
        ) as response_share_upper
    from totals

)

select * from nps
order by response_date, survey, channel, segment
