-- Grain: one row per touchpoint event that became known on the day.
-- Null customer_id is an anonymous event.
with

interactions as (

    select *
    from staging.interactions
    where dt = $run_date

),

mapped as (

    select record_id, customer_id
    from identity.identity_map
    where dt = $run_date

),

timeline as (

    select
        interactions.interaction_id,
        mapped.customer_id,
        interactions.source,
        interactions.record_id,
        interactions.interaction_kind,
        interactions.channel,
        interactions.touchpoint,
        interactions.occurred_at,
        interactions.interaction_date,
        interactions.is_direct,
        interactions.is_initiated_by_customer,
        interactions.life_cycle_stage,
        interactions.campaign_id,
        interactions.value_amount,
        interactions.currency,
        interactions.rating_share,
        interactions.has_text,
        interactions.language,
        interactions.sentiment,
        interactions.sentiment_scorer,
        interactions.order_id,
        interactions.case_id,
        interactions.response_id,
        interactions.mention_id,
        interactions.product_id
    from interactions
    left join mapped on interactions.record_id = mapped.record_id

)

select * from timeline
order by interaction_id
