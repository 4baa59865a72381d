-- Grain: one row per change of the identity map since yesterday.
-- Null other_customer_id is a create; null identifier_kind means nothing in common.
with

mapped as (

    select record_id, customer_id
    from identity.identity_map
    where dt = $run_date

),

mapped_yesterday as (

    select record_id, customer_id
    from identity.identity_map
    where dt = $run_date - interval '1 day'

),

identifiers as (

    select record_id, kind, value
    from identity.record_identifiers
    where dt = $run_date

),

customers as (

    select customer_id, count(*) as record_count
    from mapped
    group by customer_id

),

customers_yesterday as (

    select distinct customer_id
    from mapped_yesterday

),

new_customers as (

    select customers.customer_id, customers.record_count
    from customers
    left anti join customers_yesterday
        on customers.customer_id = customers_yesterday.customer_id

),

moved_records as (

    select
        mapped_yesterday.record_id,
        mapped_yesterday.customer_id as from_customer_id,
        mapped.customer_id as to_customer_id
    from mapped_yesterday
    inner join mapped on mapped_yesterday.record_id = mapped.record_id
    where mapped_yesterday.customer_id <> mapped.customer_id

),

moves as (

    select from_customer_id, to_customer_id, count(*) as record_count
    from moved_records
    group by from_customer_id, to_customer_id

),

moved_identifiers as (

    select
        moved_records.from_customer_id,
        moved_records.to_customer_id,
        identifiers.kind,
        identifiers.value
    from moved_records
    inner join identifiers on moved_records.record_id = identifiers.record_id
    group by
        moved_records.from_customer_id,
        moved_records.to_customer_id,
        identifiers.kind,
        identifiers.value

),

-- The records of the receiving customer that did not come from the giving one.
receiving_identifiers as (

    select
        moves.from_customer_id,
        moves.to_customer_id,
        identifiers.kind,
        identifiers.value
    from moves
    inner join mapped on moves.to_customer_id = mapped.customer_id
    inner join identifiers on mapped.record_id = identifiers.record_id
    left join mapped_yesterday on mapped.record_id = mapped_yesterday.record_id
    where
        mapped_yesterday.customer_id is null
        or mapped_yesterday.customer_id <> moves.from_customer_id
    group by
        moves.from_customer_id,
        moves.to_customer_id,
        identifiers.kind,
        identifiers.value

),

-- Kinds are ranked as the shipped identity rules rank them.
shared_kinds as (

    select
        moved_identifiers.from_customer_id,
        moved_identifiers.to_customer_id,
        min(
            case moved_identifiers.kind
                when 'customer_number' then 1
                when 'loyalty_id' then 2
                when 'email' then 3
                when 'phone' then 4
                else 5
            end
        ) as strongest
    from moved_identifiers
    inner join receiving_identifiers
        on
            moved_identifiers.from_customer_id = receiving_identifiers.from_customer_id
            and moved_identifiers.to_customer_id = receiving_identifiers.to_customer_id
            and moved_identifiers.kind = receiving_identifiers.kind
            and moved_identifiers.value = receiving_identifiers.value
    group by moved_identifiers.from_customer_id, moved_identifiers.to_customer_id

),

customers_with_moved_records as (

    select distinct to_customer_id
    from moved_records

),

creations as (

    select
        'create:' || new_customers.customer_id as event_id,
        'create' as event_kind,
        $run_date as event_date,
        new_customers.customer_id,
        cast(null as varchar) as other_customer_id,
        new_customers.record_count,
        case
            when customers_with_moved_records.to_customer_id is not null
                then 'other_customers_record'
            else 'new_record'
        end as cause,
        cast(null as varchar) as identifier_kind
    from new_customers
    left join customers_with_moved_records
        on new_customers.customer_id = customers_with_moved_records.to_customer_id

),

changes as (

    select
        case when customers.customer_id is null then 'merge' else 'split' end as event_kind,
        moves.from_customer_id,
        moves.to_customer_id,
        moves.record_count,
        case when shared_kinds.strongest is null then 'rules' else 'shared_identifier' end
            as cause,
        case shared_kinds.strongest
            when 1 then 'customer_number'
            when 2 then 'loyalty_id'
            when 3 then 'email'
            when 4 then 'phone'
            when 5 then 'handle'
        end as identifier_kind
    from moves
    left join customers on moves.from_customer_id = customers.customer_id
    left join shared_kinds
        on
            moves.from_customer_id = shared_kinds.from_customer_id
            and moves.to_customer_id = shared_kinds.to_customer_id

),

events as (

    select * from creations
    union all
    select
        event_kind || ':' || from_customer_id || ':' || to_customer_id as event_id,
        event_kind,
        $run_date as event_date,
        from_customer_id as customer_id,
        to_customer_id as other_customer_id,
        record_count,
        cause,
        identifier_kind
    from changes

)

select * from events
order by event_id
