-- Grain: one row per day of the posts and platform; `all` is the total over platforms.
-- Null share = no competitor was counted, or too few posts; zero = nobody spoke of the brand.
with

posts as (

    select
        mention_date,
        platform,
        1 as mention_count,
        0 as competitor_mention_count
    from marts.mentions
    where dt = $run_date
    union all
    select
        mention_date,
        platform,
        0 as mention_count,
        mention_count as competitor_mention_count
    from marts.competitor_mentions
    where dt = $run_date

),

totals as (

    select
        mention_date,
        case when grouping(platform) = 1 then 'all' else platform end as platform,
        sum(mention_count) as mention_count,
        sum(competitor_mention_count) as competitor_mention_count
    from posts
    group by grouping sets ((mention_date, platform), (mention_date))

),

share_of_voice as (

    select
        mention_date,
        platform,
        mention_count,
        competitor_mention_count,
        cast(
            case
                when
                    competitor_mention_count > 0
                    and mention_count + competitor_mention_count >= $minimum_sample_size
                    then cast(mention_count as decimal(18, 6)) / (mention_count +
                         competitor_mention_count)
            end
            as decimal(9, 6)
        ) as voice_share,
        cast(
            case
                when
                    competitor_mention_count > 0
                    and mention_count + competitor_mention_count >= $minimum_sample_size
                    then wilson_lower(mention_count, mention_count + competitor_mention_count,
                         $confidence_z)
            end
            as decimal(9, 6)
        ) as voice_share_lower,
        cast(
            case
                when
                    competitor_mention_count > 0
                    and mention_count + competitor_mention_count >= $minimum_sample_size
                    then wilson_upper(mention_count, mention_count + competitor_mention_count,
                         $confidence_z)
            end
            as decimal(9, 6)
        ) as voice_share_upper
    from totals

)

select * from share_of_voice
order by mention_date, platform
