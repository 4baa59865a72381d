-- Grain: one row per customer and stage of the journey that it entered, forwards.
-- Null next_date: still in the stage, or in the last one.
with

stages as (

    select record_id, life_cycle_stage, first_date, first_channel
    from marts.record_stages
    where dt = $run_date and first_date <= $run_date

),

places as (

    select life_cycle_stage, stage_number
    from marts.life_cycle_stages
    where dt = $run_date

),

mapped as (

    select record_id, customer_id
    from identity.identity_map
    where dt = $run_date

),

firsts as (

    select
        mapped.customer_id,
        stages.life_cycle_stage,
        min(stages.first_date) as entry_date,
        first_value(stages.first_channel order by stages.first_date, stages.first_channel)
            as channel
    from stages
    inner join mapped on stages.record_id = mapped.record_id
    group by mapped.customer_id, stages.life_cycle_stage

),

last_place as (

    select max(stage_number) as stage_number
    from places

),

-- The first day of any later stage.
followed as (

    select
        firsts.customer_id,
        firsts.life_cycle_stage,
        firsts.entry_date,
        firsts.channel,
        min(firsts.entry_date) over (
            partition by firsts.customer_id
            order by places.stage_number desc
            rows between unbounded preceding and 1 preceding
        ) as next_date,
        places.stage_number = last_place.stage_number as is_last
    from last_place
    cross join places
    inner join firsts on places.life_cycle_stage = firsts.life_cycle_stage

),

-- Who was in a later stage before is not in this one any more.
entered as (

    select *
    from followed
    where next_date is null or next_date >= entry_date

)

select * from entered
order by customer_id, life_cycle_stage
