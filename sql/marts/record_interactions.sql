-- Grain: one row per record that ever had a touchpoint event.
-- Yesterday's totals and today's events; of whom nothing is told today, as yesterday.
with

interactions as (

    select
        record_id,
        source,
        1 as interaction_count,
        interaction_date as first_interaction_date,
        interaction_date as last_interaction_date,
        interaction_id as last_interaction_id,
        occurred_at as last_interaction_at,
        interaction_kind as last_interaction_kind,
        channel as last_interaction_channel
    from staging.interactions
    where dt = $run_date and record_id is not null

),

known as (

    select * exclude (dt)
    from marts.record_interactions
    where dt = $run_date - interval '1 day'

),

combined as (

    select * from interactions
    union all
    select known.*
    from known
    left semi join interactions on known.record_id = interactions.record_id

),

ranked as (

    select
        *,
        row_number() over (
            partition by record_id
            order by
                last_interaction_date desc,
                last_interaction_at desc nulls last,
                last_interaction_id desc
        ) as recency
    from combined

),

added_up as (

    select
        record_id,
        min(source) as source,
        cast(sum(interaction_count) as bigint) as interaction_count,
        min(first_interaction_date) as first_interaction_date,
        max(last_interaction_date) as last_interaction_date,
        max(case when recency = 1 then last_interaction_id end) as last_interaction_id,
        max(case when recency = 1 then last_interaction_at end) as last_interaction_at,
        max(case when recency = 1 then last_interaction_kind end) as last_interaction_kind,
        max(case when recency = 1 then last_interaction_channel end) as last_interaction_channel
    from ranked
    group by record_id

),

totals as (

    select * from added_up
    union all
    select known.*
    from known
    left anti join interactions on known.record_id = interactions.record_id

)

select * from totals
order by record_id
