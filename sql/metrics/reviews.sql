-- Grain: one row per day of the review, channel and segment; `all` is a total.
-- Null mean = too few ratings.
with

opinions as (

    select
        *,
        scale_min = 1 and scale_max = 5 as is_in_stars
    from marts.reviews
    where dt = $run_date

),

totals as (

    select
        review_date,
        case when grouping(channel) = 1 then 'all' else channel end as channel,
        case when grouping(segment) = 1 then 'all' else segment end as segment,
        count(*) as review_count,
        count(case when is_verified then 1 end) as verified_count,
        count(case when has_text then 1 end) as text_count,
        count(rating) as rated_count,
        count(case when rating_share >= 0.75 then 1 end) as good_count,
        coalesce(sum(rating_share), 0) as rating_share_sum,
        coalesce(sum(cast(rating_share * rating_share as decimal(18, 6))), 0)
            as rating_share_square_sum,
        coalesce(sum(case when is_in_stars then rating end), 0) as star_sum,
        make_array(
            count(case when is_in_stars and floor(rating) = 1 then 1 end),
            count(case when is_in_stars and floor(rating) = 2 then 1 end),
            count(case when is_in_stars and floor(rating) = 3 then 1 end),
            count(case when is_in_stars and floor(rating) = 4 then 1 end),
            count(case when is_in_stars and floor(rating) = 5 then 1 end)
        ) as star_counts
    from opinions
    group by grouping sets (
        (review_date, channel, segment),
        (review_date, channel),
        (review_date, segment),
        (review_date)
    )

),

reviews as (

    select
        review_date,
        channel,
        segment,
        review_count,
        verified_count,
        text_count,
        rated_count,
        good_count,
        cast(rating_share_sum as decimal(18, 6)) as rating_share_sum,
        cast(rating_share_square_sum as decimal(18, 6)) as rating_share_square_sum,
        cast(star_sum as decimal(18, 2)) as star_sum,
        star_counts,
        cast(
            case
                when rated_count > 0 and rated_count >= $minimum_sample_size
                    then rating_share_sum / rated_count
            end
            as decimal(9, 6)
        ) as rating_mean,
        cast(
            case
                when rated_count > 0 and rated_count >= $minimum_sample_size
                    then greatest(cast(rating_share_sum as double) / rated_count - $confidence_z
                         * sqrt(greatest(cast(rating_share_square_sum as double) / rated_count -
                         cast(rating_share_sum as double) / rated_count * (cast(rating_share_sum
                         as double) / rated_count), 0.0) / rated_count), 0.0)
            end
            as decimal(9, 6)
        ) as mean_lower,
        cast(
            case
                when rated_count > 0 and rated_count >= $minimum_sample_size
                    then least(cast(rating_share_sum as double) / rated_count + $confidence_z *
                         sqrt(greatest(cast(rating_share_square_sum as double) / rated_count -
                         cast(rating_share_sum as double) / rated_count * (cast(rating_share_sum
                         as double) / rated_count), 0.0) / rated_count), 1.0)
            end
            as decimal(9, 6)
        ) as mean_upper,
        cast(
            case
                when rated_count > 0 and rated_count >= $minimum_sample_size
                    then cast(good_count as decimal(18, 6)) / rated_count
            end
            as decimal(9, 6)
        ) as good_share,
        cast(
            case
                when rated_count > 0 and rated_count >= $minimum_sample_size
                    then wilson_lower(good_count, rated_count, $confidence_z)
            end
            as decimal(9, 6)
        ) as good_share_lower,
        cast(
            case
                when rated_count > 0 and rated_count >= $minimum_sample_size
                    then wilson_upper(good_count, rated_count, $confidence_z)
            end
            as decimal(9, 6)
        ) as good_share_upper
    from totals

)

select * from reviews
order by review_date, channel, segment
