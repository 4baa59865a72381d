-- Grain: one row per record, kind and value of identifier ever seen.
-- Yesterday's rows and today's facts; history is not read again. A value that a record no
-- longer carries stays, with the day it was last seen.
with

known as (

    select
        record_id, source, kind, value, first_seen_date, last_seen_date, last_contact_date,
        last_fact_date
    from identity.record_identifiers
    where dt = $run_date - interval '1 day'

),

told as (

    select
        record_id, source, customer_number, linked_customer_number, email,
        cast(null as varchar) as second_email, phone, cast(null as varchar) as second_phone,
        loyalty_id, handle
    from staging.cases
    where dt = $run_date and record_id is not null
    union all
    select
        record_id, source, customer_number, linked_customer_number, email,
        cast(null as varchar) as second_email, phone, cast(null as varchar) as second_phone,
        loyalty_id, handle
    from staging.case_events
    where dt = $run_date and record_id is not null
    union all
    select
        record_id, source, customer_number, linked_customer_number, email,
        cast(null as varchar) as second_email, phone, cast(null as varchar) as second_phone,
        loyalty_id, handle
    from staging.orders
    where dt = $run_date and record_id is not null
    union all
    select
        record_id, source, customer_number, linked_customer_number, email,
        cast(null as varchar) as second_email, phone, cast(null as varchar) as second_phone,
        loyalty_id, handle
    from staging.payments
    where dt = $run_date and record_id is not null
    union all
    select
        record_id, source, customer_number, linked_customer_number, email,
        cast(null as varchar) as second_email, phone, cast(null as varchar) as second_phone,
        loyalty_id, handle
    from staging.refunds
    where dt = $run_date and record_id is not null
    union all
    select
        record_id, source, customer_number, linked_customer_number, email,
        cast(null as varchar) as second_email, phone, cast(null as varchar) as second_phone,
        loyalty_id, handle
    from staging.loyalty_entries
    where dt = $run_date and record_id is not null
    union all
    select
        record_id, source, customer_number, linked_customer_number, email,
        cast(null as varchar) as second_email, phone, cast(null as varchar) as second_phone,
        loyalty_id, handle
    from staging.mentions
    where dt = $run_date and record_id is not null
    union all
    select
        record_id, source, customer_number, linked_customer_number, email,
        cast(null as varchar) as second_email, phone, cast(null as varchar) as second_phone,
        loyalty_id, handle
    from staging.reviews
    where dt = $run_date and record_id is not null
    union all
    select
        record_id, source, customer_number, linked_customer_number, email,
        cast(null as varchar) as second_email, phone, cast(null as varchar) as second_phone,
        loyalty_id, handle
    from staging.community_posts
    where dt = $run_date and record_id is not null
    union all
    select
        record_id, source, customer_number, linked_customer_number, email,
        cast(null as varchar) as second_email, phone, cast(null as varchar) as second_phone,
        loyalty_id, handle
    from staging.referrals
    where dt = $run_date and record_id is not null
    union all
    select
        record_id, source, customer_number, linked_customer_number, email,
        cast(null as varchar) as second_email, phone, cast(null as varchar) as second_phone,
        loyalty_id, handle
    from staging.survey_responses
    where dt = $run_date and record_id is not null
    union all
    select
        record_id, source, customer_number, linked_customer_number, email,
        cast(null as varchar) as second_email, phone, cast(null as varchar) as second_phone,
        loyalty_id, handle
    from staging.consents
    where dt = $run_date and record_id is not null
    union all
    select
        record_id, source, customer_number, linked_customer_number, email,
        cast(null as varchar) as second_email, phone, cast(null as varchar) as second_phone,
        loyalty_id, handle
    from staging.campaign_contacts
    where dt = $run_date and record_id is not null
    union all
    select
        record_id, source, customer_number, linked_customer_number, email,
        cast(null as varchar) as second_email, phone, cast(null as varchar) as second_phone,
        loyalty_id, handle
    from staging.campaign_events
    where dt = $run_date and record_id is not null
    union all
    select
        record_id, source, customer_number, linked_customer_number, email,
        cast(null as varchar) as second_email, phone, cast(null as varchar) as second_phone,
        loyalty_id, handle
    from staging.web_events
    where dt = $run_date and record_id is not null
    union all
    select
        record_id, source, customer_number, linked_customer_number, email,
        cast(null as varchar) as second_email, phone, cast(null as varchar) as second_phone,
        loyalty_id, handle
    from staging.device_events
    where dt = $run_date and record_id is not null
    union all
    select
        record_id, source, customer_number, linked_customer_number, email,
        cast(null as varchar) as second_email, phone, cast(null as varchar) as second_phone,
        loyalty_id, handle
    from staging.identifier_links
    where dt = $run_date

),

facts as (

    -- A record that does many things in a day tells the same of itself each time.
    select distinct *, false as is_contact
    from told
    union all
    select
        record_id, source, customer_number, linked_customer_number, email, second_email, phone,
        second_phone, loyalty_id, handle, true as is_contact
    from staging.contacts
    where dt = $run_date

),

judged as (

    select
        *,
        coalesce(customer_number, linked_customer_number, phone, loyalty_id, handle) is null
        and (email is null or is_placeholder_email(email)) as is_unidentified
    from facts

),

carried as (

    select
        record_id,
        source,
        unnest(make_array(
            'customer_number', 'customer_number', 'email', 'email', 'phone', 'phone',
            'loyalty_id', 'handle', 'record'
        )) as kind,
        unnest(make_array(
            customer_number, linked_customer_number, email, second_email, phone, second_phone,
            loyalty_id, handle,
            -- A person of whom nothing identifying is known is a customer all the same: the
            -- record's own name keeps it in the map, and links it to nobody.
            case when is_unidentified then record_id end
        )) as value,
        is_contact
    from judged

),

seen_today as (

    select
        record_id,
        source,
        kind,
        value,
        $run_date as first_seen_date,
        $run_date as last_seen_date,
        case when is_contact then $run_date end as last_contact_date,
        case when not is_contact then $run_date end as last_fact_date
    from carried
    -- A feed may forget to normalise: a placeholder must never link anybody.
    where value is not null and not (kind = 'email' and is_placeholder_email(value))

),

seen as (

    select * from known
    union all
    select * from seen_today

),

identifiers as (

    select
        record_id,
        min(source) as source,
        kind,
        value,
        min(first_seen_date) as first_seen_date,
        max(last_seen_date) as last_seen_date,
        max(last_contact_date) as last_contact_date,
        max(last_fact_date) as last_fact_date
    from seen
    group by record_id, kind, value

)

select * from identifiers
order by record_id, kind, value
