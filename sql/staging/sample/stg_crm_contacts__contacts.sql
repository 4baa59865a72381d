-- Grain: one row per contact that the CRM holds at the end of the day.
-- A null identifier was not given, or cannot be read as one.
with

contacts as (

    select
        *,
        normalize_phone(mobile, coalesce(country, $default_region)) as mobile_number,
        normalize_phone(phone, coalesce(country, $default_region)) as phone_number
    from staging.current_crm_contacts
    where dt = $run_date

),

renamed as (

    select
        'crm:' || contact_no as record_id,
        'crm' as source,
        'crm:' || contact_no as customer_number,
        normalize_email(email) as email,
        coalesce(mobile_number, phone_number) as phone,
        -- The land line comes second where there is a mobile too.
        case when mobile_number is not null then phone_number end as second_phone,
        normalize_identifier(replace(loyalty_card, ' ', '')) as loyalty_id,
        title,
        first_name as given_name,
        last_name as family_name,
        nullif(concat_ws(' ', first_name, last_name), '') as full_name,
        birth_date,
        lower(gender) as gender,
        language,
        street as address_line,
        city,
        region,
        upper(postcode) as postcode,
        country,
        company as organisation_name,
        local_instant(customer_since, $time_zone) as created_at,
        updated_at
    from contacts

)

select * from renamed
order by record_id
