-- Grain: one row per contact that the CRM holds at the end of the day.
-- A null identifier was not given, or cannot be read as one.
with

contacts as (

    select *
    from staging.current_crm_contacts
    where dt = $run_date

),

renamed as (

    select
        'crm:' || customer_no as record_id,
        'crm' as source,
        'crm:' || customer_no as customer_number,
        normalize_email(email) as email,
        normalize_email(second_email) as second_email,
        coalesce(
            normalize_phone(mobile, coalesce(country, $default_region)),
            normalize_phone(phone, coalesce(country, $default_region))
        ) as phone,
        -- The land line comes second where there is a mobile too.
        case
            when normalize_phone(mobile, coalesce(country, $default_region)) is not null
                then normalize_phone(phone, coalesce(country, $default_region))
        end as second_phone,
        normalize_identifier(loyalty_card) as loyalty_id,
        normalize_handle('x', normalize_identifier(x_handle)) as handle,
        title,
        trim(first_name) as given_name,
        trim(last_name) as family_name,
        nullif(trim(concat_ws(' ', trim(first_name), trim(last_name))), '') as full_name,
        birth_date,
        language,
        address as address_line,
        city,
        upper(postcode) as postcode,
        country,
        company as organisation_name,
        local_instant(created, $time_zone) as created_at,
        local_instant(changed, $time_zone) as updated_at
    from contacts

)

select * from renamed
order by record_id
