-- Grain: one row per thing that happened to a service case and arrived on the day.
-- Null customer_id is anonymous. Sentiment is of the customer's words alone.
with

events as (

    select
        *,
        author_kind = 'customer' and text is not null as is_told
    from staging.case_events
    where dt = $run_date

),

cases as (

    select case_id, case_type, topic
    from staging.latest_cases
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

case_events as (

    select
        events.event_id,
        events.source,
        events.record_id,
        mapped.customer_id,
        coalesce(customers.segment, 'unknown') as segment,
        events.case_id,
        cases.case_type,
        cases.topic,
        events.channel,
        events.event_kind,
        events.author_kind,
        coalesce(events.is_public, false) as is_public,
        events.happened_at,
        events.event_date,
        coalesce(events.is_told, false) as has_text,
        events.language,
        case when events.is_told then sentiment(events.text, events.language) end as sentiment,
        case
            when events.is_told and sentiment(events.text, events.language) is not null
                then sentiment_scorer()
        end as sentiment_scorer,
        cast(
            (events.rating - events.scale_min) / (events.scale_max - events.scale_min)
            as decimal(9, 6)
        ) as rating_share,
        events.order_id
    from events
    left join cases on events.case_id = cases.case_id
    left join mapped on events.record_id = mapped.record_id
    left join customers on mapped.customer_id = customers.customer_id

)

select * from case_events
order by event_id
