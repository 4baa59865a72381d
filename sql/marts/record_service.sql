-- Grain: one row per record that has service cases, of those in staging.latest_cases (not past), and
-- one of those that left it because nothing was told of them for long (past).
-- A case changes after it was opened, so the totals of the records whose cases were reported or
-- left today are of their cases' last states; all others stay as they were yesterday. A past case
-- changes no more: its record's totals of past cases are yesterday's and those that leave today.
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

latest as (

    select *
    from staging.latest_cases
    where dt = $run_date

),

cases as (

    select *
    from latest
    where record_id is not null

),

cases_yesterday as (

    select *
    from staging.latest_cases
    where dt = $run_date - interval '1 day' and record_id is not null

),

known as (

    select *
    from marts.record_service
    where dt = $run_date - interval '1 day'

),

past as (

    select cases_yesterday.*
    from cases_yesterday
    left anti join latest on cases_yesterday.case_id = latest.case_id
    left anti join deleted on cases_yesterday.case_id = deleted.case_id

),

changed as (

    select case_id from reported
    union all
    select case_id from deleted
    union all
    select case_id from past

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

counted as (

    select false as is_past, cases.*
    from cases
    left semi join concerned on cases.record_id = concerned.record_id
    union all
    select true as is_past, past.*
    from past

),

checked as (

    select
        *,
        coalesce(first_reply_at < opened_at, false)
        or coalesce(resolved_at < opened_at, false)
        or coalesce(resolved_at < first_reply_at, false) as has_impossible_times
    from counted

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
        is_past,
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
    group by record_id, is_past

),

known_that_stand as (

    select known.*
    from known
    left anti join concerned on known.record_id = concerned.record_id
    where not known.is_past
    union all
    select known.*
    from known
    where known.is_past

),

parts as (

    select
        record_id, is_past, source, case_count, open_case_count, unanswered_case_count,
        complaint_count, reopened_case_count, first_case_date, last_case_date,
        last_complaint_date, open_complaint_count, upheld_complaint_count, first_reply_count,
        first_reply_minutes_sum, resolution_count, resolution_minutes_sum
    from totals
    union all
    select
        record_id, is_past, source, case_count, open_case_count, unanswered_case_count,
        complaint_count, reopened_case_count, first_case_date, last_case_date,
        last_complaint_date, open_complaint_count, upheld_complaint_count, first_reply_count,
        first_reply_minutes_sum, resolution_count, resolution_minutes_sum
    from known_that_stand

),

service as (

    select
        record_id,
        is_past,
        min(source) as source,
        cast(sum(case_count) as bigint) as case_count,
        cast(sum(open_case_count) as bigint) as open_case_count,
        cast(sum(unanswered_case_count) as bigint) as unanswered_case_count,
        cast(sum(complaint_count) as bigint) as complaint_count,
        cast(sum(reopened_case_count) as bigint) as reopened_case_count,
        min(first_case_date) as first_case_date,
        max(last_case_date) as last_case_date,
        max(last_complaint_date) as last_complaint_date,
        cast(sum(open_complaint_count) as bigint) as open_complaint_count,
        cast(sum(upheld_complaint_count) as bigint) as upheld_complaint_count,
        cast(sum(first_reply_count) as bigint) as first_reply_count,
        cast(sum(first_reply_minutes_sum) as bigint) as first_reply_minutes_sum,
        cast(sum(resolution_count) as bigint) as resolution_count,
        cast(sum(resolution_minutes_sum) as bigint) as resolution_minutes_sum
    from parts
    group by record_id, is_past

)

select * from service
order by record_id, is_past
