-- Grain: one row per record that ever opened a case.
-- Read from the cases' last states, because a case changes after it was opened.
with

cases as (

    select *
    from staging.latest_cases
    where dt = $run_date and record_id is not null

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
        max(coalesce(opened_date, first_reported_date)) as last_case_date
    from cases
    group by record_id

)

select * from totals
order by record_id
