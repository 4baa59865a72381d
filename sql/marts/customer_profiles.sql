-- Grain: one row per customer.
-- Nulls are not known. Fields of a group come from one record, by the rules of survivorship. What a
-- deleted contact held is gone, unless a fact carried it too.
with

mapped as (

    select record_id, source, customer_id, customer_since
    from identity.identity_map
    where dt = $run_date

),

identifiers as (

    select record_id, kind, value, last_seen_date, last_fact_date
    from identity.record_identifiers
    where dt = $run_date and (last_contact_date = $run_date or last_fact_date is not null)

),

shared_identifiers as (

    select kind, value
    from identity.identifier_audit
    where dt = $run_date and rule = 'value_of_many_customers'

),

contacts as (

    select *
    from marts.record_contacts
    where dt = $run_date

),

rules as (

    select field_group, rule, sources
    from marts.survivorship_rules
    where dt = $run_date

),

records_by_source as (

    select
        customer_id,
        source,
        min(customer_since) as customer_since,
        count(*) as record_count
    from mapped
    group by customer_id, source

),

identities as (

    select
        customer_id,
        min(customer_since) as customer_since,
        cast(sum(record_count) as bigint) as record_count,
        sorted_list(source) as sources
    from records_by_source
    group by customer_id

),

own_identifiers as (

    select
        mapped.customer_id,
        identifiers.kind,
        identifiers.value,
        max(identifiers.last_seen_date) as last_seen_date
    from identifiers
    inner join mapped on identifiers.record_id = mapped.record_id
    left anti join shared_identifiers
        on
            identifiers.kind = shared_identifiers.kind
            and identifiers.value = shared_identifiers.value
    where identifiers.kind in ('customer_number', 'loyalty_id', 'handle')
    group by mapped.customer_id, identifiers.kind, identifiers.value

),

identifier_lists as (

    select customer_id, kind, sorted_list(value) as all_values
    from own_identifiers
    group by customer_id, kind

),

loyalty_ids as (

    select
        customer_id,
        first_value(value order by last_seen_date desc, value) as loyalty_id
    from own_identifiers
    where kind = 'loyalty_id'
    group by customer_id

),

owned as (

    select mapped.customer_id, contacts.*
    from contacts
    inner join mapped on contacts.record_id = mapped.record_id

),

-- One row per contact and group of fields; e-mail and telephone have two. The fields of a group are
-- one text with separators between, so that they stay together.
stated as (

    select
        customer_id,
        record_id,
        source,
        cast(arrow_cast(updated_at, 'Timestamp(Microsecond, Some("UTC"))') as bigint)
            as updated_microseconds,
        unnest(make_array(
            'name', 'address', 'birth_date', 'gender', 'language', 'organisation_name',
            'email', 'email', 'phone', 'phone'
        )) as field_group,
        unnest(make_array(
            case
                when coalesce(title, given_name, family_name, full_name) is not null
                    then concat(
                        title, chr(31), given_name, chr(31), family_name, chr(31), full_name
                    )
            end,
            case
                when coalesce(address_line, city, region, postcode, country) is not null
                    then concat(
                        address_line, chr(31), city, chr(31), region, chr(31), postcode,
                        chr(31), country
                    )
            end,
            cast(birth_date as varchar), gender, language, organisation_name, email,
            second_email, phone, second_phone
        )) as group_text,
        unnest(make_array(
            case when full_name is null then 1 else 0 end,
            -- A bare postcode or country is the address of those who gave no other.
            case
                when address_line is not null then 0
                when postcode is not null then 1
                when city is not null then 2
                else 3
            end,
            0, 0, 0, 0, 0, 0, 0, 0
        )) as emptiness,
        unnest(make_array(
            case when title is null then 1 else 0 end
            + case when given_name is null then 1 else 0 end
            + case when family_name is null then 1 else 0 end,
            case when address_line is null then 1 else 0 end
            + case when city is null then 1 else 0 end
            + case when region is null then 1 else 0 end
            + case when postcode is null then 1 else 0 end
            + case when country is null then 1 else 0 end,
            0, 0, 0, 0, 0, 0, 0, 0
        )) as missing_count,
        unnest(make_array(1, 1, 1, 1, 1, 1, 1, 2, 1, 2)) as place
    from owned

),

-- What a contact holds comes before what facts carried.
candidates as (

    select
        customer_id, record_id, source, field_group, group_text, emptiness, missing_count, place,
        0 as origin, updated_microseconds, $run_date as last_seen_date
    from stated
    where group_text is not null
    union all
    select
        mapped.customer_id,
        identifiers.record_id,
        mapped.source,
        identifiers.kind as field_group,
        identifiers.value as group_text,
        0 as emptiness,
        0 as missing_count,
        1 as place,
        1 as origin,
        cast(null as bigint) as updated_microseconds,
        identifiers.last_fact_date as last_seen_date
    from identifiers
    inner join mapped on identifiers.record_id = mapped.record_id
    where identifiers.kind in ('email', 'phone') and identifiers.last_fact_date is not null

),

-- What identity refused because several customers carry it is nobody's own.
own_candidates as (

    select candidates.*
    from candidates
    left anti join shared_identifiers
        on
            candidates.field_group = shared_identifiers.kind
            and candidates.group_text = shared_identifiers.value

),

-- How many records say the same, where a rule asks for it.
frequencies as (

    select
        own_candidates.customer_id,
        own_candidates.field_group,
        own_candidates.group_text,
        count(*) as frequency
    from own_candidates
    inner join rules on own_candidates.field_group = rules.field_group
    where rules.rule = 'most_frequent'
    group by
        own_candidates.customer_id, own_candidates.field_group, own_candidates.group_text

),

judged as (

    select
        own_candidates.*,
        case rules.rule
            when 'source_priority'
                then coalesce(
                    array_position(
                        string_to_array(rules.sources, ','), own_candidates.source
                    ),
                    1000000
                )
            when 'most_frequent' then 1000000 - frequencies.frequency
            when 'most_complete' then own_candidates.missing_count
            else 0
        end as place_by_rule
    from own_candidates
    left join rules on own_candidates.field_group = rules.field_group
    left join frequencies
        on
            own_candidates.customer_id = frequencies.customer_id
            and own_candidates.field_group = frequencies.field_group
            and own_candidates.group_text = frequencies.group_text

),

-- One text a candidate that sorts as the rules do, the best first: comparing one text is several
-- times faster than comparing seven columns. The numbers in it have the same length, whatever they
-- are.
keyed as (

    select
        customer_id,
        field_group,
        concat(
            cast(origin as varchar),
            cast(emptiness as varchar),
            cast(1000000 + place_by_rule as varchar),
            cast(200000000000000000 - coalesce(updated_microseconds, 0) as varchar),
            cast(1000000 + days_between(last_seen_date, $run_date) as varchar),
            cast(place as varchar),
            chr(31), record_id, chr(31), group_text
        ) as sort_key
    from judged

),

-- The best of each group: its record, and its text, which follows the second separator and has
-- separators of its own.
winners as (

    select customer_id, field_group, min(sort_key) as sort_key
    from keyed
    group by customer_id, field_group

),

winning_texts as (

    select
        customer_id,
        field_group,
        split_part(sort_key, chr(31), 2) as record_id,
        substr(
            sort_key,
            character_length(split_part(sort_key, chr(31), 1))
            + character_length(split_part(sort_key, chr(31), 2)) + 3
        ) as group_text
    from winners

),

winners_by_customer as (

    select
        customer_id,
        max(case field_group when 'name' then group_text end) as name,
        max(case field_group when 'name' then record_id end) as name_record_id,
        max(case field_group when 'address' then group_text end) as address,
        max(case field_group when 'address' then record_id end) as address_record_id,
        max(case field_group when 'birth_date' then group_text end) as birth_date,
        max(case field_group when 'birth_date' then record_id end) as birth_date_record_id,
        max(case field_group when 'gender' then group_text end) as gender,
        max(case field_group when 'gender' then record_id end) as gender_record_id,
        max(case field_group when 'language' then group_text end) as language,
        max(case field_group when 'language' then record_id end) as language_record_id,
        max(case field_group when 'organisation_name' then group_text end) as organisation_name,
        max(case field_group when 'organisation_name' then record_id end)
            as organisation_name_record_id,
        max(case field_group when 'email' then group_text end) as email,
        max(case field_group when 'email' then record_id end) as email_record_id,
        max(case field_group when 'phone' then group_text end) as phone,
        max(case field_group when 'phone' then record_id end) as phone_record_id
    from winning_texts
    group by customer_id

),

profiles as (

    select
        identities.customer_id,
        identities.customer_since,
        identities.record_count,
        identities.sources,
        customer_numbers.all_values as customer_numbers,
        loyalty_ids.loyalty_id,
        card_numbers.all_values as loyalty_ids,
        handles.all_values as handles,
        winners_by_customer.name_record_id as profile_record_id,
        nullif(split_part(winners_by_customer.name, chr(31), 1), '') as title,
        nullif(split_part(winners_by_customer.name, chr(31), 2), '') as given_name,
        nullif(split_part(winners_by_customer.name, chr(31), 3), '') as family_name,
        nullif(split_part(winners_by_customer.name, chr(31), 4), '') as full_name,
        cast(winners_by_customer.birth_date as date) as birth_date,
        winners_by_customer.gender,
        winners_by_customer.language,
        nullif(split_part(winners_by_customer.address, chr(31), 1), '') as address_line,
        nullif(split_part(winners_by_customer.address, chr(31), 2), '') as city,
        nullif(split_part(winners_by_customer.address, chr(31), 3), '') as region,
        nullif(split_part(winners_by_customer.address, chr(31), 4), '') as postcode,
        nullif(split_part(winners_by_customer.address, chr(31), 5), '') as country,
        winners_by_customer.organisation_name,
        winners_by_customer.email,
        winners_by_customer.phone,
        winners_by_customer.address_record_id,
        winners_by_customer.birth_date_record_id,
        winners_by_customer.gender_record_id,
        winners_by_customer.language_record_id,
        winners_by_customer.organisation_name_record_id,
        winners_by_customer.email_record_id,
        winners_by_customer.phone_record_id
    from identities
    left join winners_by_customer on identities.customer_id = winners_by_customer.customer_id
    left join loyalty_ids on identities.customer_id = loyalty_ids.customer_id
    left join identifier_lists as customer_numbers
        on
            identities.customer_id = customer_numbers.customer_id
            and customer_numbers.kind = 'customer_number'
    left join identifier_lists as card_numbers
        on
            identities.customer_id = card_numbers.customer_id
            and card_numbers.kind = 'loyalty_id'
    left join identifier_lists as handles
        on identities.customer_id = handles.customer_id and handles.kind = 'handle'

),

-- Who shares a family name and an address has the same key, or who shares an address, if that is
-- enough. Without a family name it is what stands before a comma, else the last word.
spelled as (

    select
        *,
        case
            when $has_household_one_name
                then nullif(
                    coalesce(
                        normalize_name(family_name),
                        case
                            when strpos(full_name, ',') > 0
                                then normalize_name(split_part(full_name, ',', 1))
                            else regexp_replace(normalize_name(full_name), '^.* ', '')
                        end
                    ),
                    ''
                )
            else ''
        end as shared_name_key,
        nullif(normalize_address(address_line), '') as address_key,
        coalesce(normalize_postcode(postcode, country), postcode) as postcode_key
    from profiles

),

keyed_profiles as (

    -- The lengths keep `a|b` and `c` apart from `a` and `b|c`.
    select
        * exclude (shared_name_key, address_key, postcode_key),
        case
            when
                shared_name_key is not null
                and address_key is not null
                and postcode_key is not null
                then encode(
                    sha256(
                        concat(
                            character_length(shared_name_key), ':', shared_name_key, '|',
                            character_length(address_key), ':', address_key, '|', postcode_key
                        )
                    ),
                    'hex'
                )
        end as household_key
    from spelled

)

select * from keyed_profiles
order by customer_id
