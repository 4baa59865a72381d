-- Grain: one row per ticket. The export has no persons of its own, so each ticket is a record;
-- tickets with the same e-mail address become one customer.
with

tickets as (

    select *
    from staging.current_support_tickets
    where dt = $run_date

),

renamed as (

    select
        'tickets:' || ticket_id as record_id,
        'tickets' as source,
        normalize_email(customer_email) as email,
        nullif(trim(customer_name), '') as full_name,
        lower(customer_gender) as gender
    from tickets
    where normalize_email(customer_email) is not null

)

select * from renamed
order by record_id
