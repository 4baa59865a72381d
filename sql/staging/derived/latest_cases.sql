-- Grain: one row per service case ever reported.
-- The last report of a case replaces all earlier ones; nulls and zeros are those of the report.
with

reported as (

    select *
    from staging.cases
    where dt = $run_date

),

known as (

    select *
    from staging.latest_cases
    where dt = $run_date - interval '1 day'

),

reported_today as (

    select
        reported.case_id,
        reported.source,
        reported.record_id,
        reported.customer_number,
        reported.linked_customer_number,
        reported.email,
        reported.phone,
        reported.loyalty_id,
        reported.handle,
        reported.case_number,
        reported.channel,
        reported.case_type,
        reported.topic,
        reported.priority,
        reported.subject,
        reported.description,
        reported.language,
        reported.status,
        reported.opened_at,
        reported.opened_date,
        reported.first_reply_at,
        reported.resolved_at,
        reported.reopened_count,
        reported.last_reopened_at,
        reported.agent_reply_count,
        reported.customer_reply_count,
        reported.is_upheld,
        reported.order_id,
        reported.product_id,
        reported.updated_at,
        coalesce(known.first_reported_date, $run_date) as first_reported_date,
        $run_date as last_reported_date
    from reported
    left join known on reported.case_id = known.case_id

),

not_reported_today as (

    select
        known.case_id,
        known.source,
        known.record_id,
        known.customer_number,
        known.linked_customer_number,
        known.email,
        known.phone,
        known.loyalty_id,
        known.handle,
        known.case_number,
        known.channel,
        known.case_type,
        known.topic,
        known.priority,
        known.subject,
        known.description,
        known.language,
        known.status,
        known.opened_at,
        known.opened_date,
        known.first_reply_at,
        known.resolved_at,
        known.reopened_count,
        known.last_reopened_at,
        known.agent_reply_count,
        known.customer_reply_count,
        known.is_upheld,
        known.order_id,
        known.product_id,
        known.updated_at,
        known.first_reported_date,
        known.last_reported_date
    from known
    left anti join reported on known.case_id = reported.case_id

),

latest as (

    select * from reported_today
    union all
    select * from not_reported_today

)

select * from latest
order by case_id
