-- Grain: one row per ticket of North's desk that is not solved, or changed in the last
-- `case_memory_days` days. The last report of a ticket replaces all earlier ones.
with

reported as (

    select *
    from raw.north_tickets
    where dt = $run_date

),

known as (

    select ticket, first_reply, solved, reopened, stars, updated
    from staging.north_ticket_states
    where dt = $run_date - interval '1 day'

),

ranked as (

    select
        ticket, first_reply, solved, reopened, stars, updated,
        row_number() over (
            partition by ticket
            order by updated desc, source_file desc, source_row desc
        ) as recency
    from reported

),

states as (

    select ticket, first_reply, solved, reopened, stars, updated
    from ranked
    where recency = 1
    union all
    select known.*
    from known
    left anti join reported on known.ticket = reported.ticket
    where
        known.solved is null
        or business_date(known.updated, $time_zone)
        > cast(cast($run_date as int) - $case_memory_days as date)

)

select * from states
order by ticket
