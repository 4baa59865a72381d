-- Grain: one row per public post or review. Indirect: others are spoken to about the brand.
with

mentions as (

    select *
    from staging.mentions
    where dt = $run_date

),

events as (

    select
        'mention_posted:' || mention_id as interaction_id,
        source,
        record_id,
        'mention_posted' as interaction_kind,
        channel,
        case mention_kind when 'review' then 'review' else 'social post' end as touchpoint,
        posted_at as occurred_at,
        mention_date as interaction_date,
        false as is_direct,
        true as is_initiated_by_customer,
        'advocacy' as life_cycle_stage,
        cast((rating - scale_min) / (scale_max - scale_min) as decimal(9, 6)) as rating_share,
        text is not null as has_text,
        language,
        sentiment(text, language) as sentiment,
        case when sentiment(text, language) is not null then sentiment_scorer() end
            as sentiment_scorer,
        mention_id,
        product_id
    from mentions

)

select * from events
order by interaction_id
