-- Grain: one row per day of the posts, network and competing brand that was counted on the day.
-- Posts that are found on a later day are counted then, beside those of before.
with

counts as (

    select
        posted_on,
        network,
        brand,
        cast(sum(post_count) as bigint) as mention_count
    from raw.competitor_mentions
    where dt = $run_date
    group by posted_on, network, brand

),

renamed as (

    select
        'social' as source,
        posted_on as mention_date,
        network as platform,
        brand,
        mention_count
    from counts

)

select * from renamed
order by source, mention_date, platform, brand
