-- Grain: one row per record that ever posted about the brand.
-- Yesterday's totals and today's posts. A sentiment_sum of zero with a count of zero is
-- nothing scored.
with

mentions as (

    select
        record_id,
        source,
        mention_date,
        sentiment(text, language) as sentiment
    from staging.mentions
    where dt = $run_date and record_id is not null

),

known as (

    select *
    from marts.record_social
    where dt = $run_date - interval '1 day'

),

combined as (

    select
        record_id,
        source,
        mention_count,
        first_mention_date,
        last_mention_date,
        sentiment_count,
        sentiment_sum
    from known
    union all
    select
        record_id,
        source,
        1 as mention_count,
        mention_date as first_mention_date,
        mention_date as last_mention_date,
        case when sentiment is not null then 1 else 0 end as sentiment_count,
        cast(coalesce(sentiment, 0) as decimal(18, 4)) as sentiment_sum
    from mentions

),

totals as (

    select
        record_id,
        min(source) as source,
        cast(sum(mention_count) as bigint) as mention_count,
        min(first_mention_date) as first_mention_date,
        max(last_mention_date) as last_mention_date,
        cast(sum(sentiment_count) as bigint) as sentiment_count,
        cast(sum(sentiment_sum) as decimal(18, 4)) as sentiment_sum
    from combined
    group by record_id

)

select * from totals
order by record_id
