-- Grain: one row per finding about an identifier value or a customer.
with

identifiers as (

    select record_id, kind, value
    from identity.record_identifiers
    where dt = $run_date

),

mapped as (

    select record_id, customer_id
    from identity.identity_map
    where dt = $run_date

),

-- Two levels instead of distinct counts.
values_by_customer as (

    select
        identifiers.kind,
        identifiers.value,
        mapped.customer_id,
        count(*) as record_count
    from identifiers
    inner join mapped on identifiers.record_id = mapped.record_id
    group by identifiers.kind, identifiers.value, mapped.customer_id

),

customers_by_value as (

    select
        kind,
        value,
        cast(sum(record_count) as bigint) as record_count,
        count(*) as customer_count
    from values_by_customer
    group by kind, value

),

values_per_customer as (

    select
        kind,
        customer_id,
        cast(sum(record_count) as bigint) as record_count,
        count(*) as value_count
    from values_by_customer
    group by kind, customer_id

),

findings as (

    select
        'value_of_many_customers:' || kind || ':' || value as finding_id,
        'value_of_many_customers' as rule,
        kind,
        value,
        cast(null as varchar) as customer_id,
        record_count,
        customer_count,
        1 as value_count
    from customers_by_value
    where customer_count > 1
    union all
    select
        'customer_of_many_values:' || kind || ':' || customer_id as finding_id,
        'customer_of_many_values' as rule,
        kind,
        cast(null as varchar) as value,
        customer_id,
        record_count,
        1 as customer_count,
        value_count
    from values_per_customer
    where value_count > $maximum_identifiers_per_customer

)

select * from findings
order by finding_id
