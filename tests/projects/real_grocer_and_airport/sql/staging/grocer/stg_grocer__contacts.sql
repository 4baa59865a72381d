-- Grain: one row per household that the grocer knows something of.
-- Age, income and the like are bands of a household and not a person's: they stay in raw.
with

households as (

    select *
    from staging.current_grocer_households
    where dt = $run_date

),

renamed as (

    select
        'grocer:' || household_id as record_id,
        'grocer' as source,
        'grocer:' || household_id as customer_number,
        'US' as country
    from households

)

select * from renamed
order by record_id
