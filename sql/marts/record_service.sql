-- Grain: one row per record that ever opened a case.
-- Read from the cases' last states, because a case changes after it was opened.
with

cases as (

    select
        *,
        coalesce(first_reply_at < opened_at, false)
        or coalesce(resolved_at < opened_at, false)
        or coalesce(resolved_at < first_reply_at, false) as has_impossible_times
    from staging.latest_cases
    where dt = $run_date and record_id is not null

),

timed as (

    select
        *,
        case
            when not has_impossible_times then seconds_between(opened_at, first_reply_at) / 60
        end as first_reply_minutes,
        case
            when not has_impossible_times then seconds_between(opened_at, resolved_at) / 60
        end as resolution_minutes
    from cases

),

totals as (

    select
        record_id,
        min(source) as source,
        count(*) as case_count,
        sum(case when status not in ('solved', 'closed') then 1 else 0 end) as open_case_count,
        sum(
            case
                when status not in ('solved', 'closed') and first_reply_at is null then 1
                else 0
            end
        ) as unanswered_case_count,
        sum(case when case_type = 'complaint' then 1 else 0 end) as complaint_count,
        sum(case when reopened_count > 0 then 1 else 0 end) as reopened_case_count,
        min(coalesce(opened_date, first_reported_date)) as first_case_date,
        max(coalesce(opened_date, first_reported_date)) as last_case_date,
        max(
            case
                when case_type = 'complaint' then coalesce(opened_date, first_reported_date)
            end
        ) as last_complaint_date,
        sum(
            case
                when case_type = 'complaint' and status not in ('solved', 'closed') then 1
                else 0
            end
        ) as open_complaint_count,
        sum(case when is_upheld then 1 else 0 end) as upheld_complaint_count,
        count(first_reply_minutes) as first_reply_count,
        coalesce(sum(first_reply_minutes), 0) as first_reply_minutes_sum,
        count(resolution_minutes) as resolution_count,
        coalesce(sum(resolution_minutes), 0) as resolution_minutes_sum
    from timed
    group by record_id

)

select * from totals
order by record_id
