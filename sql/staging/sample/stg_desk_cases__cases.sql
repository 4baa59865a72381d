-- Grain: one row per case that the service desk reported on the day, in its last state.
-- A null first_reply_at means that no agent has answered in public so far; a null resolved_at
-- that the case is open, be it again.
with

reported as (

    select distinct case_number
    from raw.desk_cases
    where dt = $run_date

),

cases as (

    select *
    from staging.current_desk_cases
    where dt = $run_date

),

-- Every report of a case repeats its events, so an event is there once for each report.
events as (

    select distinct case_number, event_id, kind, author, is_public, happened_at
    from raw.desk_case_events
    where dt = $run_date and event_id is not null

),

history as (

    select
        case_number,
        min(case when kind = 'reply' and author = 'agent' and is_public then happened_at end)
            as first_reply_at,
        max(case when kind = 'solved' then happened_at end) as last_solved_at,
        max(case when kind = 'reopened' then happened_at end) as last_reopened_at,
        count(case when kind = 'reopened' then 1 end) as reopened_count,
        count(case when kind = 'reply' and author = 'agent' and is_public then 1 end)
            as agent_reply_count,
        count(case when kind = 'customer_reply' then 1 end) as customer_reply_count
    from events
    group by case_number

),

identified as (

    select
        cases.*,
        normalize_email(cases.email) as normal_email,
        normalize_phone(cases.phone, $default_region) as normal_phone,
        -- The desk answers on one network alone.
        normalize_handle('x', cases.handle) as normal_handle
    from cases
    inner join reported on cases.case_number = reported.case_number

),

renamed as (

    select
        'case:' || identified.case_number as case_id,
        'desk' as source,
        case
            when identified.contact_no is not null then 'desk:' || identified.contact_no
            -- Somebody without a number is named by what they can be reached at; the hash keeps
            -- that out of the id.
            else 'desk:guest-' || md5(coalesce(normal_email, normal_phone, normal_handle))
        end as record_id,
        'crm:' || identified.contact_no as customer_number,
        normal_email as email,
        normal_phone as phone,
        normal_handle as handle,
        identified.case_number,
        identified.channel,
        identified.type as case_type,
        identified.topic,
        identified.priority,
        identified.subject,
        identified.description,
        identified.language,
        identified.status,
        identified.opened_at,
        business_date(identified.opened_at, $time_zone) as opened_date,
        history.first_reply_at,
        case when identified.status in ('solved', 'closed') then history.last_solved_at end
            as resolved_at,
        coalesce(history.reopened_count, 0) as reopened_count,
        history.last_reopened_at,
        coalesce(history.agent_reply_count, 0) as agent_reply_count,
        coalesce(history.customer_reply_count, 0) as customer_reply_count,
        identified.is_upheld,
        'order:' || identified.order_number as order_id,
        identified.changed_at as updated_at
    from identified
    left join history on identified.case_number = history.case_number

)

select * from renamed
order by case_id
