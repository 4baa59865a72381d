-- Grain: one row per record and signal of how it felt: of each record, the five latest of the last
-- 90 days. Yesterday's rows and today's ratings and texts.
with

interactions as (

    select
        record_id, interaction_id, source, interaction_kind, interaction_date, occurred_at,
        rating_share, sentiment
    from staging.interactions
    where
        dt = $run_date
        and record_id is not null
        and (rating_share is not null or sentiment is not null)

),

known as (

    select *
    from marts.record_signals
    where dt = $run_date - interval '1 day'

),

combined as (

    select
        record_id,
        interaction_id,
        source,
        interaction_kind,
        interaction_date,
        occurred_at,
        -- A rating says what the words mean: it comes before their sentiment.
        cast(coalesce(2 * rating_share - 1, sentiment) as decimal(9, 6)) as feeling
    from interactions
    union all
    select
        record_id, interaction_id, source, interaction_kind, interaction_date, occurred_at,
        feeling
    from known

),

ranked as (

    select
        *,
        row_number() over (
            partition by record_id
            order by interaction_date desc, occurred_at desc nulls last, interaction_id desc
        ) as recency
    from combined
    where interaction_date > $run_date - interval '90 days'

),

signals as (

    select
        record_id, interaction_id, source, interaction_kind, interaction_date, occurred_at,
        feeling
    from ranked
    where recency <= 5

)

select * from signals
order by record_id, interaction_id
