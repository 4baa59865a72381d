-- Grain: one row per answered survey question.
-- A question that was asked and not answered is no event. Rating 1 is the best answer of the
-- question's scale, 0 the worst, whichever way the scale runs.
with

responses as (

    select *
    from staging.survey_responses
    where dt = $run_date and score is not null

),

shared as (

    select
        *,
        cast((score - scale_min) / (scale_max - scale_min) as decimal(9, 6)) as share_of_scale
    from responses

),

events as (

    select
        'survey_answered:' || response_id as interaction_id,
        source,
        record_id,
        'survey_answered' as interaction_kind,
        channel,
        'survey' as touchpoint,
        responded_at as occurred_at,
        response_date as interaction_date,
        true as is_direct,
        true as is_initiated_by_customer,
        case metric when 'nps' then 'advocacy' else 'retention' end as life_cycle_stage,
        cast(
            case polarity when 'lower_is_better' then 1 - share_of_scale else share_of_scale end
            as decimal(9, 6)
        ) as rating_share,
        comment is not null as has_text,
        language,
        sentiment(comment, language) as sentiment,
        case when sentiment(comment, language) is not null then sentiment_scorer() end
            as sentiment_scorer,
        order_id,
        case_id,
        response_id,
        product_id
    from shared

)

select * from events
order by interaction_id
