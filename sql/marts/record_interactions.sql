-- Grain: one row per record that ever had a touchpoint event.
-- Yesterday's totals and today's events; of whom nothing is told today, as yesterday.
with

interactions as (

    select *
    from staging.interactions
    where dt = $run_date and record_id is not null

),

known as (

    select *
    from marts.record_interactions
    where dt = $run_date - interval '1 day'

),

combined as (

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
    from interactions
    union all
    select
        known.record_id,
        known.source,
        known.interaction_count,
        known.first_interaction_date,
        known.last_interaction_date,
        known.last_interaction_id,
        known.last_interaction_at,
        known.last_interaction_kind,
        known.last_interaction_channel
    from known
    left semi join interactions on known.record_id = interactions.record_id

),

counted as (

    select
        record_id,
        min(source) as source,
        cast(sum(interaction_count) as bigint) as interaction_count,
        min(first_interaction_date) as first_interaction_date
    from combined
    group by record_id

),

latest as (

    select *
    from (
        select
            record_id,
            last_interaction_date,
            last_interaction_id,
            last_interaction_at,
            last_interaction_kind,
            last_interaction_channel,
            row_number() over (
                partition by record_id
                order by
                    last_interaction_date desc,
                    last_interaction_at desc nulls last,
                    last_interaction_id desc
            ) as recency
        from combined
    ) as ranked
    where recency = 1

),

totals as (

    select
        counted.record_id,
        counted.source,
        counted.interaction_count,
        counted.first_interaction_date,
        latest.last_interaction_date,
        latest.last_interaction_id,
        latest.last_interaction_at,
        latest.last_interaction_kind,
        latest.last_interaction_channel
    from counted
    inner join latest on counted.record_id = latest.record_id
    union all
    select
        known.record_id,
        known.source,
        known.interaction_count,
        known.first_interaction_date,
        known.last_interaction_date,
        known.last_interaction_id,
        known.last_interaction_at,
        known.last_interaction_kind,
        known.last_interaction_channel
    from known
    left anti join interactions on known.record_id = interactions.record_id

)

select * from totals
order by record_id
