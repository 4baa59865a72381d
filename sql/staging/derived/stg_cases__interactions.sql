-- Grain: one row per thing that happened to a service case and was not known yesterday.
-- A case is reported again and again; only the difference to its last state is an event.
with

cases as (

    select *
    from staging.cases
    where dt = $run_date

),

cases_yesterday as (

    select case_id, first_reply_at, resolved_at, reopened_count
    from staging.latest_cases
    where dt = $run_date - interval '1 day'

),

compared as (

    select
        cases.*,
        cases_yesterday.case_id is null as is_new,
        cases_yesterday.first_reply_at as known_first_reply_at,
        cases_yesterday.resolved_at as known_resolved_at,
        coalesce(cases_yesterday.reopened_count, 0) as known_reopened_count,
        nullif(concat_ws('. ', cases.subject, cases.description), '') as customer_text
    from cases
    left join cases_yesterday on cases.case_id = cases_yesterday.case_id

),

opened as (

    select
        *,
        'case_opened' as interaction_kind,
        'case_opened:' || case_id as interaction_id,
        opened_at as occurred_at,
        true as is_initiated_by_customer,
        customer_text as told_text
    from compared
    where is_new

),

replied as (

    select
        *,
        'case_replied' as interaction_kind,
        'case_replied:' || case_id as interaction_id,
        first_reply_at as occurred_at,
        false as is_initiated_by_customer,
        cast(null as varchar) as told_text
    from compared
    where first_reply_at is not null and known_first_reply_at is null

),

resolved as (

    select
        *,
        'case_resolved' as interaction_kind,
        'case_resolved:' || case_id || ':' || to_char(resolved_at, '%Y%m%dT%H%M%S')
            as interaction_id,
        resolved_at as occurred_at,
        false as is_initiated_by_customer,
        cast(null as varchar) as told_text
    from compared
    where
        resolved_at is not null
        and (known_resolved_at is null or known_resolved_at <> resolved_at)

),

reopened as (

    select
        *,
        'case_reopened' as interaction_kind,
        'case_reopened:' || case_id || ':' || cast(reopened_count as varchar) as interaction_id,
        last_reopened_at as occurred_at,
        true as is_initiated_by_customer,
        cast(null as varchar) as told_text
    from compared
    where reopened_count > known_reopened_count

),

happened as (

    select * from opened
    union all
    select * from replied
    union all
    select * from resolved
    union all
    select * from reopened

),

events as (

    select
        interaction_id,
        source,
        record_id,
        interaction_kind,
        channel,
        'support' as touchpoint,
        occurred_at,
        coalesce(business_date(occurred_at, $time_zone), $run_date) as interaction_date,
        true as is_direct,
        is_initiated_by_customer,
        'retention' as life_cycle_stage,
        told_text is not null as has_text,
        language,
        sentiment(told_text, language) as sentiment,
        case when sentiment(told_text, language) is not null then sentiment_scorer() end
            as sentiment_scorer,
        order_id,
        case_id,
        product_id
    from happened

)

select * from events
order by interaction_id
