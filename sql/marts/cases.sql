-- Grain: one row per service case of staging.latest_cases: those that are open, and those that were
-- reported not long ago.
-- Null minutes: not answered or not resolved, opening not known, or times out of order. Zero
-- minutes: within the same minute, or outside opening hours. What depends on the day the case
-- became known (segment, repetition, sentiment) is kept from that day, so that later days count
-- the case alike.
with

cases as (

    select *
    from staging.latest_cases
    where dt = $run_date

),

cases_yesterday as (

    select
        case_id, segment, is_complaint, is_repeat_complaint, first_resolved_date, has_text,
        sentiment, sentiment_scorer
    from marts.cases
    where dt = $run_date - interval '1 day'

),

complaints_yesterday as (

    select case_id
    from marts.cases
    where dt = $run_date - interval '1 day' and is_complaint

),

mapped as (

    select record_id, customer_id
    from identity.identity_map
    where dt = $run_date

),

customers as (

    select customer_id, segment
    from marts.customers
    where dt = $run_date

),

schedules as (

    select source, channel, schedule
    from marts.service_schedules
    where dt = $run_date

),

-- Each system and channel that cases came from, with the hours it is served in.
desks as (

    select source, channel
    from cases
    group by source, channel

),

desk_schedules as (

    select
        desks.source,
        desks.channel,
        first_value(schedules.schedule order by schedules.source = 'all', schedules.channel = 'all')
            as schedule
    from desks
    inner join schedules
        on
            schedules.source in (desks.source, 'all')
            and schedules.channel in (desks.channel, 'all')
    group by desks.source, desks.channel

),

known as (

    select
        cases.*,
        desk_schedules.schedule,
        mapped.customer_id,
        coalesce(cases_yesterday.segment, customers.segment, 'unknown') as segment,
        coalesce(cases.opened_date, cases.first_reported_date) as case_date,
        cases.case_type = 'complaint' as is_complaint,
        coalesce(cases_yesterday.is_complaint, false) as was_complaint,
        cases_yesterday.is_repeat_complaint as was_repeat_complaint,
        cases_yesterday.first_resolved_date as known_first_resolved_date,
        cases_yesterday.has_text as known_has_text,
        cases_yesterday.sentiment as known_sentiment,
        cases_yesterday.sentiment_scorer as known_sentiment_scorer,
        case
            when cases_yesterday.case_id is null
                then nullif(concat_ws('. ', cases.subject, cases.description), '')
        end as new_text
    from cases
    left join mapped on cases.record_id = mapped.record_id
    left join customers on mapped.customer_id = customers.customer_id
    left join cases_yesterday on cases.case_id = cases_yesterday.case_id
    left join desk_schedules
        on cases.source = desk_schedules.source and cases.channel = desk_schedules.channel

),

complaints as (

    select
        cases.case_id,
        mapped.customer_id,
        coalesce(cases.opened_date, cases.first_reported_date) as case_date,
        cases.opened_at
    from cases
    inner join mapped on cases.record_id = mapped.record_id
    where cases.case_type = 'complaint'

),

new_complaints as (

    select complaints.*
    from complaints
    left anti join complaints_yesterday on complaints.case_id = complaints_yesterday.case_id

),

-- A complaint of somebody who had opened another in the 90 days up to it.
repeats as (

    select distinct later.case_id
    from new_complaints as later
    inner join complaints as earlier on later.customer_id = earlier.customer_id
    where
        earlier.case_id <> later.case_id
        and earlier.case_date >= later.case_date - interval '90 days'
        and (
            earlier.case_date < later.case_date
            or (
                earlier.case_date = later.case_date
                and case
                    when earlier.opened_at is not distinct from later.opened_at
                        then earlier.case_id < later.case_id
                    else coalesce(earlier.opened_at < later.opened_at, earlier.opened_at is null)
                end
            )
        )

),

judged as (

    select
        known.*,
        coalesce(first_reply_at < opened_at, false)
        or coalesce(resolved_at < opened_at, false)
        or coalesce(resolved_at < first_reply_at, false)
        or coalesce(first_resolved_at < opened_at, false) as has_impossible_times,
        case
            when not is_complaint then null
            when was_complaint then was_repeat_complaint
            when customer_id is not null then repeats.case_id is not null
        end as is_repeat_complaint
    from known
    left join repeats on known.case_id = repeats.case_id

),

timed as (

    select
        case_id,
        source,
        record_id,
        customer_id,
        segment,
        case_number,
        channel,
        case_type,
        is_complaint,
        is_repeat_complaint,
        is_upheld,
        topic,
        priority,
        language,
        status,
        status not in ('solved', 'closed') as is_open,
        case_date,
        opened_at,
        first_reply_at,
        first_resolved_at,
        coalesce(
            known_first_resolved_date,
            business_date(first_resolved_at, $time_zone),
            case when status in ('solved', 'closed') then $run_date end
        ) as first_resolved_date,
        resolved_at,
        first_reply_at is not null as is_answered,
        status in ('solved', 'closed') as is_resolved,
        reopened_count,
        reopened_count > 0 as is_reopened,
        case
            when not has_impossible_times then seconds_between(opened_at, first_reply_at) / 60
        end as first_reply_minutes,
        case
            when not has_impossible_times then seconds_between(opened_at, first_resolved_at) / 60
        end as first_resolution_minutes,
        case
            when not has_impossible_times then seconds_between(opened_at, resolved_at) / 60
        end as resolution_minutes,
        schedule,
        case
            when not has_impossible_times
                then business_minutes(opened_at, first_reply_at, schedule)
        end as first_reply_business_minutes,
        case
            when not has_impossible_times
                then business_minutes(opened_at, first_resolved_at, schedule)
        end as first_resolution_business_minutes,
        case
            when not has_impossible_times then business_minutes(opened_at, resolved_at, schedule)
        end as resolution_business_minutes,
        has_impossible_times,
        coalesce(known_has_text, new_text is not null) as has_text,
        coalesce(known_sentiment, sentiment(new_text, language)) as sentiment,
        coalesce(
            known_sentiment_scorer,
            case when sentiment(new_text, language) is not null then sentiment_scorer() end
        ) as sentiment_scorer,
        order_id,
        product_id,
        first_reported_date,
        last_reported_date
    from judged

)

select * from timed
order by case_id
