-- Grain: one row per ticket that is new, or differs from yesterday's export.
-- The export does not say when a ticket was opened, nor whether it was ever reopened: nulls.
with

tickets as (

    select
        ticket_id, customer_email, product_purchased, ticket_type, ticket_subject,
        ticket_description, ticket_status, ticket_priority, ticket_channel, first_response_at,
        resolved_at
    from staging.current_support_tickets
    where dt = $run_date

),

tickets_yesterday as (

    select
        ticket_id, customer_email, product_purchased, ticket_type, ticket_subject,
        ticket_description, ticket_status, ticket_priority, ticket_channel, first_response_at,
        resolved_at
    from staging.current_support_tickets
    where dt = $run_date - interval '1 day'

),

changed as (

    select * from tickets
    except
    select * from tickets_yesterday

),

renamed as (

    select
        'tickets:' || ticket_id as case_id,
        'tickets' as source,
        case
            when normalize_email(customer_email) is not null then 'tickets:' || ticket_id
        end as record_id,
        normalize_email(customer_email) as email,
        ticket_id as case_number,
        case ticket_channel
            when 'Email' then 'email'
            when 'Phone' then 'phone'
            when 'Chat' then 'chat'
            else 'social'
        end as channel,
        case ticket_type
            when 'Technical issue' then 'problem'
            when 'Billing inquiry' then 'question'
            when 'Product inquiry' then 'question'
            else 'request'
        end as case_type,
        ticket_subject as topic,
        case ticket_priority
            when 'Low' then 'low'
            when 'Medium' then 'normal'
            when 'High' then 'high'
            when 'Critical' then 'urgent'
        end as priority,
        ticket_description as description,
        'en' as language,
        case ticket_status
            when 'Open' then 'open'
            when 'Closed' then 'closed'
            else 'pending'
        end as status,
        first_response_at as first_reply_at,
        resolved_at,
        'tickets:' || product_purchased as product_id
    from changed

)

select * from renamed
order by case_id
