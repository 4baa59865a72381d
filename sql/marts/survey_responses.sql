-- Grain: one row per survey answer that arrived on the day.
-- Null score was asked and not answered; null customer_id is anonymous.
with

responses as (

    select
        *,
        cast((score - scale_min) / (scale_max - scale_min) as decimal(9, 6)) as share_of_scale
    from staging.survey_responses
    where dt = $run_date

),

mapped as (

    select record_id, customer_id
    from identity.identity_map
    where dt = $run_date

),

customers as (

    select customer_id, segment
    from marts.customers
    where dt = $run_date

),

answers as (

    select
        responses.response_id,
        responses.source,
        responses.record_id,
        mapped.customer_id,
        coalesce(customers.segment, 'unknown') as segment,
        responses.survey,
        responses.metric,
        responses.score,
        responses.scale_min,
        responses.scale_max,
        responses.polarity,
        cast(
            case responses.polarity
                when 'lower_is_better' then 1 - responses.share_of_scale
                else responses.share_of_scale
            end
            as decimal(9, 6)
        ) as score_share,
        case
            when responses.metric <> 'nps' or responses.score is null then null
            when responses.score >= 9 then 'promoter'
            when responses.score >= 7 then 'passive'
            else 'detractor'
        end as nps_group,
        responses.channel,
        responses.touchpoint,
        responses.invited_at,
        responses.responded_at,
        responses.response_date,
        responses.comment is not null as has_text,
        responses.language,
        sentiment(responses.comment, responses.language) as sentiment,
        case
            when sentiment(responses.comment, responses.language) is not null
                then sentiment_scorer()
        end as sentiment_scorer,
        responses.order_id,
        responses.case_id,
        responses.product_id
    from responses
    left join mapped on responses.record_id = mapped.record_id
    left join customers on mapped.customer_id = customers.customer_id

)

select * from answers
order by response_id
