-- Grain: one row per customer, profile field, record and value.
-- All that living contacts and facts say, held against what marts.customer_profiles chose.
with

mapped as (

    select record_id, customer_id
    from identity.identity_map
    where dt = $run_date

),

contacts as (

    select *
    from marts.record_contacts
    where dt = $run_date

),

identifiers as (

    select record_id, source, kind, value, first_seen_date, last_fact_date
    from identity.record_identifiers
    where
        dt = $run_date
        and kind in ('email', 'phone')
        and last_fact_date is not null
        -- Where the contact holds it too, the contact says so.
        and (last_contact_date is null or last_contact_date < $run_date)

),

shared_identifiers as (

    select kind, value
    from identity.identifier_audit
    where dt = $run_date and rule = 'value_of_many_customers' and kind in ('email', 'phone')

),

rules as (

    select field_group, rule
    from marts.survivorship_rules
    where dt = $run_date

),

profiles as (

    select *
    from marts.customer_profiles
    where dt = $run_date

),

fields as (

    select column1 as field_number, column2 as field, column3 as field_group
    from (
        values
            (1, 'title', 'name'),
            (2, 'given_name', 'name'),
            (3, 'family_name', 'name'),
            (4, 'full_name', 'name'),
            (5, 'address_line', 'address'),
            (6, 'city', 'address'),
            (7, 'region', 'address'),
            (8, 'postcode', 'address'),
            (9, 'country', 'address'),
            (10, 'birth_date', 'birth_date'),
            (11, 'gender', 'gender'),
            (12, 'language', 'language'),
            (13, 'organisation_name', 'organisation_name'),
            (14, 'email', 'email'),
            (15, 'email', 'email'),
            (16, 'phone', 'phone'),
            (17, 'phone', 'phone')
    ) as declared

),

-- Whether each contact's record is the one that a group of fields came from.
owned as (

    select
        mapped.customer_id,
        contacts.*,
        profiles.title as chosen_title,
        profiles.given_name as chosen_given_name,
        profiles.family_name as chosen_family_name,
        profiles.full_name as chosen_full_name,
        profiles.address_line as chosen_address_line,
        profiles.city as chosen_city,
        profiles.region as chosen_region,
        profiles.postcode as chosen_postcode,
        profiles.country as chosen_country,
        profiles.birth_date as chosen_birth_date,
        profiles.gender as chosen_gender,
        profiles.language as chosen_language,
        profiles.organisation_name as chosen_organisation_name,
        profiles.email as chosen_email,
        profiles.phone as chosen_phone,
        contacts.record_id = profiles.profile_record_id as is_name_chosen,
        contacts.record_id = profiles.address_record_id as is_address_chosen,
        contacts.record_id = profiles.birth_date_record_id as is_birth_date_chosen,
        contacts.record_id = profiles.gender_record_id as is_gender_chosen,
        contacts.record_id = profiles.language_record_id as is_language_chosen,
        contacts.record_id = profiles.organisation_name_record_id as is_organisation_chosen,
        contacts.record_id = profiles.email_record_id as is_email_chosen,
        contacts.record_id = profiles.phone_record_id as is_phone_chosen
    from contacts
    inner join mapped on contacts.record_id = mapped.record_id
    inner join profiles on mapped.customer_id = profiles.customer_id

),

-- One row per contact and field, held against the choice while it is one row per contact: what is
-- laid out by fields is the value, and truths and days, which are small.
laid_out as (

    select
        customer_id,
        record_id,
        source,
        unnest(make_array(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17))
            as field_number,
        unnest(make_array(
            title, given_name, family_name, full_name, address_line, city, region, postcode,
            country, cast(birth_date as varchar), gender, language, organisation_name, email,
            second_email, phone, second_phone
        )) as value,
        unnest(make_array(
            title = chosen_title, given_name = chosen_given_name,
            family_name = chosen_family_name, full_name = chosen_full_name,
            address_line = chosen_address_line, city = chosen_city, region = chosen_region,
            postcode = chosen_postcode, country = chosen_country,
            birth_date = chosen_birth_date, gender = chosen_gender, language = chosen_language,
            organisation_name = chosen_organisation_name, email = chosen_email,
            second_email = chosen_email, phone = chosen_phone, second_phone = chosen_phone
        )) as is_value_chosen,
        unnest(make_array(
            is_name_chosen, is_name_chosen, is_name_chosen, is_name_chosen, is_address_chosen,
            is_address_chosen, is_address_chosen, is_address_chosen, is_address_chosen,
            is_birth_date_chosen, is_gender_chosen, is_language_chosen, is_organisation_chosen,
            is_email_chosen, is_email_chosen, is_phone_chosen, is_phone_chosen
        )) as is_record_chosen,
        unnest(make_array(
            name_since_date, name_since_date, name_since_date, name_since_date,
            address_since_date, address_since_date, address_since_date, address_since_date,
            address_since_date, birth_date_since_date, gender_since_date, language_since_date,
            organisation_name_since_date, email_since_date, second_email_since_date,
            phone_since_date, second_phone_since_date
        )) as since_date
    from owned

),

held as (

    select
        laid_out.customer_id,
        laid_out.record_id,
        laid_out.source,
        fields.field,
        fields.field_group,
        laid_out.value,
        laid_out.is_value_chosen,
        laid_out.is_record_chosen,
        laid_out.since_date
    from laid_out
    inner join fields on laid_out.field_number = fields.field_number
    where laid_out.value is not null

),

carried as (

    select
        mapped.customer_id,
        identifiers.record_id,
        identifiers.source,
        identifiers.kind as field,
        identifiers.kind as field_group,
        identifiers.value,
        identifiers.value
        = case identifiers.kind when 'email' then profiles.email else profiles.phone end
            as is_value_chosen,
        identifiers.record_id
        = case identifiers.kind
            when 'email' then profiles.email_record_id
            else profiles.phone_record_id
        end as is_record_chosen,
        identifiers.first_seen_date as since_date,
        identifiers.last_fact_date as last_seen_date
    from identifiers
    inner join mapped on identifiers.record_id = mapped.record_id
    inner join profiles on mapped.customer_id = profiles.customer_id

),

observed as (

    select
        customer_id, record_id, source, field, field_group, value, is_value_chosen,
        is_record_chosen, since_date, $run_date as last_seen_date, 'contact' as origin
    from held
    union all
    select
        customer_id, record_id, source, field, field_group, value, is_value_chosen,
        is_record_chosen, since_date, last_seen_date, 'fact' as origin
    from carried

),

attributes as (

    select
        observed.customer_id,
        observed.field,
        observed.record_id,
        observed.value,
        observed.source,
        observed.origin,
        observed.since_date,
        observed.last_seen_date,
        observed.field_group,
        coalesce(rules.rule, 'most_recent') as rule,
        case
            when shared_identifiers.value is not null then 'refused'
            when observed.is_value_chosen
                then case when observed.is_record_chosen then 'winner' else 'agrees' end
            else 'loses'
        end as outcome
    from observed
    left join rules on observed.field_group = rules.field_group
    left join shared_identifiers
        on
            observed.field = shared_identifiers.kind
            and observed.value = shared_identifiers.value

)

select * from attributes
order by customer_id, field, record_id, value
