-- Grain: one row per event of the service desk's cases that was not known yesterday.
-- A case's report repeats all that ever happened to it: new is what is later than the state that
-- was known.
with

reported as (

    select *
    from raw.desk_case_events
    where dt = $run_date and event_id is not null

),

cases_yesterday as (

    select case_number, changed_at
    from staging.current_desk_cases
    where dt = $run_date - interval '1 day'

),

ranked as (

    select
        reported.*,
        row_number() over (
            partition by reported.case_number, reported.event_id
            order by reported.source_file desc, reported.source_row desc
        ) as recency
    from reported
    left join cases_yesterday on reported.case_number = cases_yesterday.case_number
    where
        cases_yesterday.changed_at is null
        or reported.happened_at > cases_yesterday.changed_at

),

identified as (

    select
        *,
        normalize_email(email) as normal_email,
        normalize_phone(phone, $default_region) as normal_phone,
        normalize_handle('x', handle) as normal_handle
    from ranked
    where recency = 1

),

renamed as (

    select
        'desk:' || event_id as event_id,
        'desk' as source,
        case
            when contact_no is not null then 'desk:' || contact_no
            else 'desk:guest-' || md5(coalesce(normal_email, normal_phone, normal_handle))
        end as record_id,
        'crm:' || contact_no as customer_number,
        normal_email as email,
        normal_phone as phone,
        normal_handle as handle,
        'case:' || case_number as case_id,
        channel,
        kind as event_kind,
        author as author_kind,
        is_public,
        happened_at,
        business_date(happened_at, $time_zone) as event_date,
        text,
        language,
        cast(score as decimal(9, 2)) as rating,
        case when score is not null then cast(1 as decimal(9, 2)) end as scale_min,
        case when score is not null then cast(5 as decimal(9, 2)) end as scale_max,
        'order:' || order_number as order_id
    from identified

)

select * from renamed
order by event_id
