-- Grain: one row per service case ever reported.
-- Null minutes: not answered or not resolved, opening not known, or times out of order. Zero
-- minutes: within the same minute.
with

cases as (

    select *
    from staging.latest_cases
    where dt = $run_date

),

mapped as (

    select record_id, customer_id
    from identity.identity_map
    where dt = $run_date

),

judged as (

    select
        *,
        coalesce(first_reply_at < opened_at, false)
        or coalesce(resolved_at < opened_at, false)
        or coalesce(resolved_at < first_reply_at, false) as has_impossible_times
    from cases

),

timed as (

    select
        judged.case_id,
        judged.source,
        judged.record_id,
        mapped.customer_id,
        judged.case_number,
        judged.channel,
        judged.case_type,
        judged.case_type = 'complaint' as is_complaint,
        judged.topic,
        judged.priority,
        judged.language,
        judged.status,
        judged.status not in ('solved', 'closed') as is_open,
        coalesce(judged.opened_date, judged.first_reported_date) as case_date,
        judged.opened_at,
        judged.first_reply_at,
        judged.resolved_at,
        judged.first_reply_at is not null as is_answered,
        judged.status in ('solved', 'closed') as is_resolved,
        judged.reopened_count,
        judged.reopened_count > 0 as is_reopened,
        case
            when not judged.has_impossible_times
                then seconds_between(judged.opened_at, judged.first_reply_at) / 60
        end as first_reply_minutes,
        case
            when not judged.has_impossible_times
                then seconds_between(judged.opened_at, judged.resolved_at) / 60
        end as resolution_minutes,
        judged.has_impossible_times,
        judged.order_id,
        judged.product_id,
        judged.first_reported_date,
        judged.last_reported_date
    from judged
    left join mapped on judged.record_id = mapped.record_id

)

select * from timed
order by case_id
