-- Grain: one row per service case that is open, or was reported in the last `case_memory_days`
-- days, and was not deleted since.
-- The last report of a case replaces all earlier ones; nulls and zeros are those of the report.
-- A case that its system deleted leaves on that day, whatever else was told of it on the day; a
-- report of a later day makes it known anew.
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

events as (

    select case_id, event_kind, happened_at
    from staging.case_events
    where dt = $run_date and event_kind in ('solved', 'closed', 'deleted')

),

deleted as (

    select distinct case_id
    from events
    where event_kind = 'deleted'

),

resolutions as (

    select
        case_id,
        min(happened_at) as first_resolved_at
    from events
    where event_kind in ('solved', 'closed')
    group by case_id

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
        known.first_resolved_at as known_first_resolved_at,
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
        known.first_resolved_at as known_first_resolved_at,
        known.first_reported_date,
        known.last_reported_date
    from known
    left anti join reported on known.case_id = reported.case_id

),

stated as (

    select * from reported_today
    union all
    select * from not_reported_today

),

-- The first resolution stands once it is known, also when the case is reopened; what is reported
-- of one day may hold several.
latest as (

    select
        stated.case_id,
        stated.source,
        stated.record_id,
        stated.customer_number,
        stated.linked_customer_number,
        stated.email,
        stated.phone,
        stated.loyalty_id,
        stated.handle,
        stated.case_number,
        stated.channel,
        stated.case_type,
        stated.topic,
        stated.priority,
        stated.subject,
        stated.description,
        stated.language,
        stated.status,
        stated.opened_at,
        stated.opened_date,
        stated.first_reply_at,
        stated.resolved_at,
        coalesce(
            stated.known_first_resolved_at,
            least(
                coalesce(resolutions.first_resolved_at, stated.resolved_at),
                coalesce(stated.resolved_at, resolutions.first_resolved_at)
            )
        ) as first_resolved_at,
        stated.reopened_count,
        stated.last_reopened_at,
        stated.agent_reply_count,
        stated.customer_reply_count,
        stated.is_upheld,
        stated.order_id,
        stated.product_id,
        stated.updated_at,
        stated.first_reported_date,
        stated.last_reported_date
    from stated
    left join resolutions on stated.case_id = resolutions.case_id
    left anti join deleted on stated.case_id = deleted.case_id
    where
        stated.status not in ('solved', 'closed')
        or stated.last_reported_date > cast(cast($run_date as int) - $case_memory_days as date)

)

select * from latest
order by case_id
