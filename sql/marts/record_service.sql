-- Grain: one row per record that has a service case.
-- A case changes after it was opened, so the totals of the records whose cases were reported or
-- deleted today are of those cases' last states; all others stay as they were yesterday.
with

reported as (

    select case_id
    from staging.cases
    where dt = $run_date

),

deleted as (

    select case_id
    from staging.case_events
    where dt = $run_date and event_kind = 'deleted'

),

cases as (

    select *
    from staging.latest_cases
    where dt = $run_date and record_id is not null

),

cases_yesterday as (

    select case_id, record_id
    from staging.latest_cases
    where dt = $run_date - interval '1 day' and record_id is not null

),

known as (

    select *
    from marts.record_service
    where dt = $run_date - interval '1 day'

),

changed as (

    select case_id from reported
    union all
    select case_id from deleted

),

-- A case may be another record's than it was.
concerned as (

    select cases.record_id
    from cases
    left semi join changed on cases.case_id = changed.case_id
    union all
    select cases_yesterday.record_id
    from cases_yesterday
    left semi join changed on cases_yesterday.case_id = changed.case_id

),

checked as (

    select
        cases.*,
        coalesce(cases.first_reply_at < cases.opened_at, false)
        or coalesce(cases.resolved_at < cases.opened_at, false)
        or coalesce(cases.resolved_at < cases.first_reply_at, false) as has_impossible_times
    from cases
    left semi join concerned on cases.record_id = concerned.record_id

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
    from checked

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

),

service as (

    select * from totals
    union all
    select
        known.record_id,
        known.source,
        known.case_count,
        known.open_case_count,
        known.unanswered_case_count,
        known.complaint_count,
        known.reopened_case_count,
        known.first_case_date,
        known.last_case_date,
        known.last_complaint_date,
        known.open_complaint_count,
        known.upheld_complaint_count,
        known.first_reply_count,
        known.first_reply_minutes_sum,
        known.resolution_count,
        known.resolution_minutes_sum
    from known
    left anti join concerned on known.record_id = concerned.record_id

)

select * from service
order by record_id
