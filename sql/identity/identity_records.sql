-- Grain: one row per record that a contact ever described.
-- Attributes in one spelling, so that equal ones are equal; nulls are not given. A record that its
-- source deleted stays as it was last: who it was does not change with it.
with

contacts as (

    select
        record_id,
        source,
        normalize_name(given_name) as given_name,
        normalize_name(family_name) as surname,
        normalize_name(full_name) as full_name,
        replace(cast(birth_date as varchar), '-', '') as birth_date,
        coalesce(email, second_email) as email,
        right(digits_of(coalesce(phone, second_phone)), 9) as phone,
        right(digits_of(second_phone), 9) as second_phone,
        nullif(ltrim(lower(loyalty_id), '0'), '') as loyalty_id,
        ' ' || normalize_address(address_line) as address,
        normalize_address(city) as city,
        normalize_address(region) as region,
        nullif(replace(replace(lower(postcode), ' ', ''), '-', ''), '') as postcode,
        case
            when gender in ('m', 'male', 'man', 'mr', 'mann', 'homme', 'hombre', 'maschio')
                then 'm'
            when gender in ('f', 'female', 'w', 'woman', 'frau', 'femme', 'mujer', 'femmina')
                then 'f'
        end as sex
    from staging.contacts
    where dt = $run_date

),

known as (

    select
        record_id, source, given_name, surname, birth_date, email, phones, loyalty_id, street,
        house_number, city, region, postcode, sex, changed_date
    from identity.identity_records
    where dt = $run_date - interval '1 day'

),

normalised as (

    select
        record_id,
        source,
        -- A name in one field: its first word is the given name.
        case
            when given_name is not null or surname is not null then given_name
            when strpos(full_name, ' ') > 0 then split_part(full_name, ' ', 1)
        end as given_name,
        case
            when given_name is not null or surname is not null then surname
            else regexp_replace(full_name, '^[^ ]+ ', '')
        end as surname,
        birth_date,
        email,
        case
            when phone is not null
                then array_distinct(make_array(phone, coalesce(second_phone, phone)))
        end as phones,
        loyalty_id,
        nullif(
            trim(regexp_replace(address, '( [0-9][^ ]*| (flat|apt|unit)\b)', '', 'g')), ''
        ) as street,
        nullif(
            replace(trim(regexp_replace(address, ' [^0-9 ][^ ]*', '', 'g')), ' ', '/'), ''
        ) as house_number,
        city,
        region,
        postcode,
        sex
    from contacts

),

described as (

    select
        normalised.*,
        case
            when
                (normalised.given_name is not distinct from known.given_name)
                and (normalised.surname is not distinct from known.surname)
                and (normalised.birth_date is not distinct from known.birth_date)
                and (normalised.email is not distinct from known.email)
                and (normalised.phones is not distinct from known.phones)
                and (normalised.loyalty_id is not distinct from known.loyalty_id)
                and (normalised.street is not distinct from known.street)
                and (normalised.house_number is not distinct from known.house_number)
                and (normalised.city is not distinct from known.city)
                and (normalised.region is not distinct from known.region)
                and (normalised.postcode is not distinct from known.postcode)
                and (normalised.sex is not distinct from known.sex)
                then known.changed_date
        end as known_changed_date
    from normalised
    left join known on normalised.record_id = known.record_id

),

records as (

    select
        record_id, source, given_name, surname, birth_date, email, phones, loyalty_id, street,
        house_number, city, region, postcode, sex,
        coalesce(known_changed_date, $run_date) as changed_date
    from described
    union all
    select known.*
    from known
    left anti join contacts on known.record_id = contacts.record_id

)

select * from records
order by record_id
