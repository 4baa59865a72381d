-- Grain: one row per ticket that North's desk reported on the day, in its last state.
with

ranked as (

    select
        *,
        row_number() over (
            partition by ticket
            order by updated desc, source_file desc, source_row desc
        ) as recency
    from raw.north_tickets
    where dt = $run_date

),

tickets as (

    select
        *,
        normalize_email(customer_email) as email
    from ranked
    where recency = 1

),

renamed as (

    select
        'case:' || ticket as case_id,
        'north' as source,
        case
            when customer_id is not null then 'north:' || customer_id
            else 'north:guest-' || md5(email)
        end as record_id,
        'north:' || customer_id as customer_number,
        email,
        ticket as case_number,
        via as channel,
        kind as case_type,
        category as topic,
        urgency as priority,
        title as subject,
        body as description,
        state as status,
        created as opened_at,
        business_date(created, $time_zone) as opened_date,
        first_reply as first_reply_at,
        case when state in ('solved', 'closed') then solved end as resolved_at,
        reopened as reopened_count,
        updated as updated_at
    from tickets

)

select * from renamed
order by case_id
