-- Grain: one row per rating that is new, or differs from yesterday's export.
-- The export does not say when a ticket was rated: a rating is dated by the resolution.
with

tickets as (

    select *
    from staging.current_support_tickets
    where dt = $run_date and satisfaction_rating is not null

),

tickets_yesterday as (

    select ticket_id, satisfaction_rating
    from staging.current_support_tickets
    where dt = $run_date - interval '1 day' and satisfaction_rating is not null

),

newly_rated as (

    select tickets.*
    from tickets
    left anti join tickets_yesterday
        on
            tickets.ticket_id = tickets_yesterday.ticket_id
            and tickets.satisfaction_rating = tickets_yesterday.satisfaction_rating

),

renamed as (

    select
        'tickets:' || ticket_id || '-' || cast(satisfaction_rating as varchar) as response_id,
        'tickets' as source,
        case
            when normalize_email(customer_email) is not null then 'tickets:' || ticket_id
        end as record_id,
        normalize_email(customer_email) as email,
        'Ticket rating' as survey,
        'csat' as metric,
        cast(satisfaction_rating as decimal(9, 2)) as score,
        cast(1 as decimal(9, 2)) as scale_min,
        cast(5 as decimal(9, 2)) as scale_max,
        'higher_is_better' as polarity,
        case ticket_channel
            when 'Email' then 'email'
            when 'Phone' then 'phone'
            when 'Chat' then 'chat'
            else 'social'
        end as channel,
        'support' as touchpoint,
        coalesce(business_date(resolved_at, $time_zone), $run_date) as response_date,
        'tickets:' || ticket_id as case_id,
        'tickets:' || product_purchased as product_id
    from newly_rated

)

select * from renamed
order by response_id
