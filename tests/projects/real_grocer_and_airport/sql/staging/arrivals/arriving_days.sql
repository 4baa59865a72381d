-- Grain: one row, the days whose facts become known on dt. README.md has the rule.
-- The files tell no day of delivery. On the first day of the warehouse all that had happened by
-- then becomes known at once; on every later day, what happened on it.
with

yesterday as (

    select count(*) as row_count
    from staging.arriving_days
    where dt = $run_date - interval '1 day'

),

arriving as (

    select
        case when row_count = 0 then date '1900-01-01' else $run_date end as from_date,
        $run_date as to_date
    from yesterday

)

select * from arriving
order by to_date
