-- Grain: one row per record, kind and value of identifier ever seen.
-- Yesterday's rows and today's facts; history is not read again. A value that a record no
-- longer carries stays, with the day it was last seen.
with

contacts as (

    select
        record_id, source, customer_number, linked_customer_number, email, second_email,
        phone, second_phone, loyalty_id, handle
    from staging.contacts
    where dt = $run_date

),

cases as (

    select
        record_id, source, customer_number, linked_customer_number, email, phone, loyalty_id,
        handle
    from staging.cases
    where dt = $run_date and record_id is not null

),

orders as (

    select
        record_id, source, customer_number, linked_customer_number, email, phone, loyalty_id,
        handle
    from staging.orders
    where dt = $run_date and record_id is not null

),

mentions as (

    select
        record_id, source, customer_number, linked_customer_number, email, phone, loyalty_id,
        handle
    from staging.mentions
    where dt = $run_date and record_id is not null

),

survey_responses as (

    select
        record_id, source, customer_number, linked_customer_number, email, phone, loyalty_id,
        handle
    from staging.survey_responses
    where dt = $run_date and record_id is not null

),

known as (

    select record_id, source, kind, value, first_seen_date, last_seen_date
    from identity.record_identifiers
    where dt = $run_date - interval '1 day'

),

facts as (

    select * from cases
    union all
    select * from orders
    union all
    select * from mentions
    union all
    select * from survey_responses
    union all
    select
        record_id, source, customer_number, linked_customer_number, email, phone, loyalty_id,
        handle
    from contacts

),

carried as (

    select record_id, source, 'customer_number' as kind, customer_number as value from facts
    union all
    select record_id, source, 'customer_number' as kind, linked_customer_number as value
    from facts
    union all
    select record_id, source, 'email' as kind, email as value from facts
    union all
    select record_id, source, 'email' as kind, second_email as value from contacts
    union all
    select record_id, source, 'phone' as kind, phone as value from facts
    union all
    select record_id, source, 'phone' as kind, second_phone as value from contacts
    union all
    select record_id, source, 'loyalty_id' as kind, loyalty_id as value from facts
    union all
    select record_id, source, 'handle' as kind, handle as value from facts
    union all
    -- A person of whom nothing identifying is known is a customer all the same: the record's own
    -- name keeps it in the map, and links it to nobody.
    select record_id, source, 'record' as kind, record_id as value
    from facts
    where
        coalesce(customer_number, linked_customer_number, phone, loyalty_id, handle) is null
        and (email is null or is_placeholder_email(email))

),

seen_today as (

    select
        record_id,
        source,
        kind,
        value,
        $run_date as first_seen_date,
        $run_date as last_seen_date
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
        max(last_seen_date) as last_seen_date
    from seen
    group by record_id, kind, value

)

select * from identifiers
order by record_id, kind, value
