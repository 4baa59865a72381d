-- Grain: one row per stage and touchpoint with a target: the journey as it should become.
-- Null: no target for that. A project declares its own with a model of this name.
with

targets as (

    select
        column1 as life_cycle_stage,
        column2 as touchpoint,
        cast(column3 as decimal(9, 6)) as rating_target,
        cast(column4 as decimal(9, 6)) as ease_target,
        cast(column5 as decimal(5, 4)) as sentiment_target
    from (
        values
            ('purchase', 'checkout', 0.85, null, null),
            ('purchase', 'delivery', 0.85, null, null),
            ('retention', 'return', null, 0.80, null),
            ('retention', 'support', 0.80, 0.75, 0.0),
            ('advocacy', 'review', 0.80, null, 0.3),
            ('advocacy', 'social post', null, null, 0.2)
    ) as declared

)

select * from targets
order by life_cycle_stage, touchpoint
