-- Grain: one row per record and stage of the journey that it has ever touched.
-- Yesterday's rows and today's touchpoints; history is not read again.
with

touchpoints as (

    select record_id, life_cycle_stage, touch_date, channel, touchpoint_id
    from marts.touchpoints
    where dt = $run_date and record_id is not null

),

known as (

    select *
    from marts.record_stages
    where dt = $run_date - interval '1 day'

),

touched_today as (

    select
        record_id,
        life_cycle_stage,
        min(touch_date) as first_date,
        first_value(channel order by touch_date, channel) as first_channel,
        max(touch_date) as last_date,
        count(*) as touch_count
    from touchpoints
    group by record_id, life_cycle_stage

),

combined as (

    select record_id, life_cycle_stage, first_date, first_channel, last_date, touch_count
    from known
    union all
    select * from touched_today

),

stages as (

    select
        record_id,
        life_cycle_stage,
        min(first_date) as first_date,
        first_value(first_channel order by first_date, first_channel) as first_channel,
        max(last_date) as last_date,
        cast(sum(touch_count) as bigint) as touch_count
    from combined
    group by record_id, life_cycle_stage

)

select * from stages
order by record_id, life_cycle_stage
