-- Grain: one row per case that the service desk reported on the day, in its last state.
-- A null first_reply_at means that no agent has answered in public so far.
with

reported as (

    select distinct number
    from raw.crm_cases
    where dt = $run_date

),

cases as (

    select *
    from staging.current_crm_cases
    where dt = $run_date

),

replies as (

    -- Every report of a case repeats its replies, so a reply is there once for each report. A
    -- case without replies is a row without a reply.
    select distinct case_number, reply_id, replied_by, is_public, replied_at
    from raw.crm_case_replies
    where dt = $run_date and reply_id is not null

),

replies_by_case as (

    select
        case_number,
        min(case when replied_by = 'agent' and is_public then replied_at end) as first_reply_at,
        count(case when replied_by = 'agent' and is_public then 1 end) as agent_reply_count,
        count(case when replied_by = 'customer' then 1 end) as customer_reply_count
    from replies
    group by case_number

),

identified as (

    select
        cases.*,
        normalize_email(cases.contact_email) as email,
        normalize_phone(cases.contact_phone, $default_region) as phone,
        normalize_handle('x', cases.contact_handle) as handle
    from cases
    inner join reported on cases.number = reported.number

),

renamed as (

    select
        'crm:' || identified.number as case_id,
        'crm' as source,
        case
            when identified.contact_number is not null
                then 'crm:' || identified.contact_number
            -- Somebody without an account is named by what they can be reached at; the hash
            -- keeps that out of the id.
            else 'crm:guest-' || md5(
                coalesce(identified.email, identified.phone, identified.handle)
            )
        end as record_id,
        'crm:' || identified.contact_number as customer_number,
        identified.email,
        identified.phone,
        identified.handle,
        identified.number as case_number,
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
        replies_by_case.first_reply_at,
        identified.resolved_at,
        identified.reopened_count,
        identified.last_reopened_at,
        coalesce(replies_by_case.agent_reply_count, 0) as agent_reply_count,
        coalesce(replies_by_case.customer_reply_count, 0) as customer_reply_count,
        'shop:' || identified.order_number as order_id,
        identified.changed_at as updated_at
    from identified
    left join replies_by_case on identified.number = replies_by_case.case_number

)

select * from renamed
order by case_id
