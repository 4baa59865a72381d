-- Grain: one row per customer and stage of the journey that it entered, forwards.
-- Null next_date: still in the stage, or in the last one.
with

stages as (

    select record_id, life_cycle_stage, first_date, first_channel
    from marts.record_stages
    where dt = $run_date and first_date <= $run_date

),

mapped as (

    select record_id, customer_id
    from identity.identity_map
    where dt = $run_date

),

placed as (

    select
        mapped.customer_id,
        stages.life_cycle_stage,
        case stages.life_cycle_stage
            when 'awareness' then 1
            when 'consideration' then 2
            when 'purchase' then 3
            when 'retention' then 4
            else 5
        end as place,
        stages.first_date,
        stages.first_channel
    from stages
    inner join mapped on stages.record_id = mapped.record_id

),

firsts as (

    select
        customer_id,
        life_cycle_stage,
        place,
        min(first_date) as entry_date,
        first_value(first_channel order by first_date, first_channel) as channel
    from placed
    group by customer_id, life_cycle_stage, place

),

-- The first day of any later stage.
by_customer as (

    select
        customer_id,
        min(case when place = 2 then entry_date end) as consideration_date,
        min(case when place = 3 then entry_date end) as purchase_date,
        min(case when place = 4 then entry_date end) as retention_date,
        min(case when place = 5 then entry_date end) as advocacy_date
    from firsts
    group by customer_id

),

followed as (

    select
        firsts.customer_id,
        firsts.life_cycle_stage,
        firsts.entry_date,
        firsts.channel,
        least(
            case when firsts.place < 2 then by_customer.consideration_date end,
            case when firsts.place < 3 then by_customer.purchase_date end,
            case when firsts.place < 4 then by_customer.retention_date end,
            case when firsts.place < 5 then by_customer.advocacy_date end
        ) as next_date,
        firsts.place = 5 as is_last
    from firsts
    inner join by_customer on firsts.customer_id = by_customer.customer_id

),

-- Who was in a later stage before is not in this one any more.
entered as (

    select *
    from followed
    where next_date is null or next_date >= entry_date

)

select * from entered
order by customer_id, life_cycle_stage
