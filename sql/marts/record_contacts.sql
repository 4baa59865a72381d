-- Grain: one row per contact record. Nulls are not given.
with

contacts as (

    select *
    from staging.contacts
    where dt = $run_date

),

attributes as (

    select
        record_id,
        source,
        title,
        given_name,
        family_name,
        full_name,
        coalesce(email, second_email) as email,
        coalesce(phone, second_phone) as phone,
        birth_date,
        gender,
        language,
        address_line,
        city,
        region,
        postcode,
        country,
        organisation_name,
        updated_at
    from contacts

)

select * from attributes
order by record_id
