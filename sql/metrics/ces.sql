-- Grain: one row per response day, scale, polarity, survey, channel and segment; `all` is a total,
-- but of scales and polarities there is none: their scores do not add up.
-- Null mean = too few answers.
with

responses as (

    select
        *,
        cast(cast(scale_min as bigint) as varchar) || '-' || cast(cast(scale_max as bigint) as varchar)
            as scale,
        -- Two thirds of the way: 5 to 7 of 7, and 1 and 2 of 5 where 1 is the least effort.
        score_share >= 0.666666 as is_easy,
        cast(floor(score - scale_min) as bigint) as place
    from marts.survey_responses
    where dt = $run_date and metric = 'ces'

),

totals as (

    select
        response_date,
        scale,
        polarity,
        case when grouping(survey) = 1 then 'all' else survey end as survey,
        case when grouping(channel) = 1 then 'all' else channel end as channel,
        case when grouping(segment) = 1 then 'all' else segment end as segment,
        count(*) as asked_count,
        count(score) as response_count,
        count(case when is_easy then 1 end) as easy_count,
        coalesce(sum(score), 0) as score_sum,
        coalesce(sum(cast(score * score as decimal(18, 4))), 0) as score_square_sum,
        coalesce(sum(score_share), 0) as score_share_sum,
        make_array(
            count(case when place = 0 then 1 end),
            count(case when place = 1 then 1 end),
            count(case when place = 2 then 1 end),
            count(case when place = 3 then 1 end),
            count(case when place = 4 then 1 end),
            count(case when place = 5 then 1 end),
            count(case when place = 6 then 1 end)
        ) as score_counts
    from responses
    group by grouping sets (
        (response_date, scale, polarity, survey, channel, segment),
        (response_date, scale, polarity, survey, channel),
        (response_date, scale, polarity, survey, segment),
        (response_date, scale, polarity, channel, segment),
        (response_date, scale, polarity, survey),
        (response_date, scale, polarity, channel),
        (response_date, scale, polarity, segment),
        (response_date, scale, polarity)
    )

),

ces as (

    select
        response_date,
        scale,
        polarity,
        survey,
        channel,
        segment,
        asked_count,
        response_count,
        easy_count,
        cast(score_sum as decimal(18, 2)) as score_sum,
        cast(score_square_sum as decimal(18, 4)) as score_square_sum,
        cast(score_share_sum as decimal(18, 6)) as score_share_sum,
        score_counts,
        cast(
            case
                when response_count > 0 and response_count >= $minimum_sample_size
                    then cast(score_sum as decimal(18, 6)) / response_count
            end
            as decimal(9, 4)
        ) as ces_mean,
        cast(
            case
                when response_count > 0 and response_count >= $minimum_sample_size
                    then cast(score_sum as double) / response_count - $confidence_z *
                         sqrt(greatest(cast(score_square_sum as double) / response_count -
                         cast(score_sum as double) / response_count * (cast(score_sum as double)
                         / response_count), 0.0) / response_count)
            end
            as decimal(9, 4)
        ) as mean_lower,
        cast(
            case
                when response_count > 0 and response_count >= $minimum_sample_size
                    then cast(score_sum as double) / response_count + $confidence_z *
                         sqrt(greatest(cast(score_square_sum as double) / response_count -
                         cast(score_sum as double) / response_count * (cast(score_sum as double)
                         / response_count), 0.0) / response_count)
            end
            as decimal(9, 4)
        ) as mean_upper,
        cast(
            case
                when response_count > 0 and response_count >= $minimum_sample_size
                    then cast(easy_count as decimal(18, 6)) / response_count
            end
            as decimal(9, 6)
        ) as easy_share,
        cast(
            case
                when response_count > 0 and response_count >= $minimum_sample_size
                    then wilson_lower(easy_count, response_count, $confidence_z)
            end
            as decimal(9, 6)
        ) as easy_share_lower,
        cast(
            case
                when response_count > 0 and response_count >= $minimum_sample_size
                    then wilson_upper(easy_count, response_count, $confidence_z)
            end
            as decimal(9, 6)
        ) as easy_share_upper,
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

select * from ces
order by response_date, scale, polarity, survey, channel, segment
