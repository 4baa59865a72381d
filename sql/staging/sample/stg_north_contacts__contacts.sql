-- Grain: one row per contact that North's CRM holds at the end of the day.
-- North writes a person's name in one field, and countries by name in their own language.
with

contacts as (

    select
        *,
        case country
            when 'United Kingdom' then 'GB'
            when 'Deutschland' then 'DE'
            when 'France' then 'FR'
            when 'USA' then 'US'
            when 'Nederland' then 'NL'
            when 'España' then 'ES'
            when 'Italia' then 'IT'
            else country
        end as country_code
    from staging.current_north_contacts
    where dt = $run_date

),

numbered as (

    select
        *,
        normalize_phone(phone, coalesce(country_code, $default_region)) as first_number,
        normalize_phone(second_phone, coalesce(country_code, $default_region)) as second_number
    from contacts

),

renamed as (

    select
        'north:' || contact_id as record_id,
        'north' as source,
        'north:' || contact_id as customer_number,
        normalize_email(email) as email,
        coalesce(first_number, second_number) as phone,
        case when first_number is not null then second_number end as second_phone,
        name as full_name,
        born as birth_date,
        lower(sex) as gender,
        address_line,
        town as city,
        upper(postcode) as postcode,
        country_code as country,
        employer as organisation_name,
        changed as updated_at
    from numbered

)

select * from renamed
order by record_id
