-- Grain: one row per member that the loyalty programme holds at the end of the day.
with

members as (

    select
        *,
        normalize_identifier(replace(card, ' ', '')) as loyalty_id
    from staging.current_loyalty_members
    where dt = $run_date

),

renamed as (

    select
        'loyalty:' || loyalty_id as record_id,
        'loyalty' as source,
        normalize_email(email) as email,
        normalize_phone(phone, $default_region) as phone,
        loyalty_id,
        forename as given_name,
        surname as family_name,
        nullif(concat_ws(' ', forename, surname), '') as full_name,
        birth_date,
        upper(postcode) as postcode,
        local_instant(joined, $time_zone) as created_at,
        changed as updated_at
    from members

)

select * from renamed
order by record_id
