-- Grain: one row per contact that a source holds. Nulls are not given.
-- A contact that its source deleted is gone; what yesterday's row knows is since when.
with

contacts as (

    select *
    from staging.contacts
    where dt = $run_date

),

known as (

    select *
    from marts.record_contacts
    where dt = $run_date - interval '1 day'

),

attributes as (

    select
        contacts.record_id,
        contacts.source,
        contacts.title,
        contacts.given_name,
        contacts.family_name,
        contacts.full_name,
        coalesce(contacts.email, contacts.second_email) as email,
        case
            when contacts.email is not null and contacts.second_email <> contacts.email
                then contacts.second_email
        end as second_email,
        coalesce(contacts.phone, contacts.second_phone) as phone,
        case
            when contacts.phone is not null and contacts.second_phone <> contacts.phone
                then contacts.second_phone
        end as second_phone,
        contacts.birth_date,
        contacts.gender,
        contacts.language,
        contacts.address_line,
        contacts.city,
        contacts.region,
        contacts.postcode,
        contacts.country,
        contacts.organisation_name,
        contacts.updated_at
    from contacts

),

dated as (

    select
        attributes.*,
        case
            when
                (attributes.title is not distinct from known.title)
                and (attributes.given_name is not distinct from known.given_name)
                and (attributes.family_name is not distinct from known.family_name)
                and (attributes.full_name is not distinct from known.full_name)
                then known.name_since_date
        end as name_since_date,
        case
            when
                (attributes.address_line is not distinct from known.address_line)
                and (attributes.city is not distinct from known.city)
                and (attributes.region is not distinct from known.region)
                and (attributes.postcode is not distinct from known.postcode)
                and (attributes.country is not distinct from known.country)
                then known.address_since_date
        end as address_since_date,
        case
            when (attributes.birth_date is not distinct from known.birth_date)
                then known.birth_date_since_date
        end as birth_date_since_date,
        case
            when (attributes.gender is not distinct from known.gender)
                then known.gender_since_date
        end as gender_since_date,
        case
            when (attributes.language is not distinct from known.language)
                then known.language_since_date
        end as language_since_date,
        case
            when (attributes.organisation_name is not distinct from known.organisation_name)
                then known.organisation_name_since_date
        end as organisation_name_since_date,
        -- First and second may change places: the value is as old as before.
        case
            when (attributes.email is not distinct from known.email) then known.email_since_date
            when attributes.email = known.second_email then known.second_email_since_date
        end as email_since_date,
        case
            when (attributes.second_email is not distinct from known.second_email)
                then known.second_email_since_date
            when attributes.second_email = known.email then known.email_since_date
        end as second_email_since_date,
        case
            when (attributes.phone is not distinct from known.phone) then known.phone_since_date
            when attributes.phone = known.second_phone then known.second_phone_since_date
        end as phone_since_date,
        case
            when (attributes.second_phone is not distinct from known.second_phone)
                then known.second_phone_since_date
            when attributes.second_phone = known.phone then known.phone_since_date
        end as second_phone_since_date
    from attributes
    left join known on attributes.record_id = known.record_id

),

contacts_since as (

    select
        record_id,
        source,
        title,
        given_name,
        family_name,
        full_name,
        email,
        second_email,
        phone,
        second_phone,
        birth_date,
        gender,
        language,
        address_line,
        city,
        region,
        postcode,
        country,
        organisation_name,
        updated_at,
        coalesce(name_since_date, $run_date) as name_since_date,
        coalesce(address_since_date, $run_date) as address_since_date,
        coalesce(birth_date_since_date, $run_date) as birth_date_since_date,
        coalesce(gender_since_date, $run_date) as gender_since_date,
        coalesce(language_since_date, $run_date) as language_since_date,
        coalesce(organisation_name_since_date, $run_date) as organisation_name_since_date,
        coalesce(email_since_date, $run_date) as email_since_date,
        coalesce(second_email_since_date, $run_date) as second_email_since_date,
        coalesce(phone_since_date, $run_date) as phone_since_date,
        coalesce(second_phone_since_date, $run_date) as second_phone_since_date
    from dated

)

select * from contacts_since
order by record_id
