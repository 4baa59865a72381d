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

-- Every value beside the one that was chosen of its field, and the record that this came from.
held as (

    select
        mapped.customer_id,
        contacts.record_id,
        contacts.source,
        unnest(make_array(
            'title', 'given_name', 'family_name', 'full_name', 'address_line', 'city', 'region',
            'postcode', 'country', 'birth_date', 'gender', 'language', 'organisation_name',
            'email', 'email', 'phone', 'phone'
        )) as field,
        unnest(make_array(
            'name', 'name', 'name', 'name', 'address', 'address', 'address', 'address',
            'address', 'birth_date', 'gender', 'language', 'organisation_name', 'email',
            'email', 'phone', 'phone'
        )) as field_group,
        unnest(make_array(
            contacts.title, contacts.given_name, contacts.family_name, contacts.full_name,
            contacts.address_line, contacts.city, contacts.region, contacts.postcode,
            contacts.country, cast(contacts.birth_date as varchar), contacts.gender,
            contacts.language, contacts.organisation_name, contacts.email,
            contacts.second_email, contacts.phone, contacts.second_phone
        )) as value,
        unnest(make_array(
            profiles.title, profiles.given_name, profiles.family_name, profiles.full_name,
            profiles.address_line, profiles.city, profiles.region, profiles.postcode,
            profiles.country, cast(profiles.birth_date as varchar), profiles.gender,
            profiles.language, profiles.organisation_name, profiles.email, profiles.email,
            profiles.phone, profiles.phone
        )) as chosen_value,
        unnest(make_array(
            profiles.profile_record_id, profiles.profile_record_id, profiles.profile_record_id,
            profiles.profile_record_id, profiles.address_record_id, profiles.address_record_id,
            profiles.address_record_id, profiles.address_record_id, profiles.address_record_id,
            profiles.birth_date_record_id, profiles.gender_record_id,
            profiles.language_record_id, profiles.organisation_name_record_id,
            profiles.email_record_id, profiles.email_record_id, profiles.phone_record_id,
            profiles.phone_record_id
        )) as chosen_record_id,
        unnest(make_array(
            contacts.name_since_date, contacts.name_since_date, contacts.name_since_date,
            contacts.name_since_date, contacts.address_since_date, contacts.address_since_date,
            contacts.address_since_date, contacts.address_since_date,
            contacts.address_since_date, contacts.birth_date_since_date,
            contacts.gender_since_date, contacts.language_since_date,
            contacts.organisation_name_since_date, contacts.email_since_date,
            contacts.second_email_since_date, contacts.phone_since_date,
            contacts.second_phone_since_date
        )) as since_date
    from contacts
    inner join mapped on contacts.record_id = mapped.record_id
    inner join profiles on mapped.customer_id = profiles.customer_id

),

carried as (

    select
        mapped.customer_id,
        identifiers.record_id,
        identifiers.source,
        identifiers.kind as field,
        identifiers.kind as field_group,
        identifiers.value,
        case identifiers.kind when 'email' then profiles.email else profiles.phone end
            as chosen_value,
        case identifiers.kind
            when 'email' then profiles.email_record_id
            else profiles.phone_record_id
        end as chosen_record_id,
        identifiers.first_seen_date as since_date,
        identifiers.last_fact_date as last_seen_date
    from identifiers
    inner join mapped on identifiers.record_id = mapped.record_id
    inner join profiles on mapped.customer_id = profiles.customer_id

),

observed as (

    select
        customer_id, record_id, source, field, field_group, value, chosen_value,
        chosen_record_id, since_date, $run_date as last_seen_date, 'contact' as origin
    from held
    where value is not null
    union all
    select
        customer_id, record_id, source, field, field_group, value, chosen_value,
        chosen_record_id, since_date, last_seen_date, 'fact' as origin
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
            when observed.value = observed.chosen_value
                then case
                    when observed.record_id = observed.chosen_record_id then 'winner'
                    else 'agrees'
                end
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
