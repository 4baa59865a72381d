-- Grain: one row per source, day of the posts, platform and competing brand that arrived on the day.
with

counts as (

    select *
    from staging.competitor_mentions
    where dt = $run_date

),

competitor_mentions as (

    select source, mention_date, platform, brand, mention_count
    from counts

)

select * from competitor_mentions
order by source, mention_date, platform, brand
