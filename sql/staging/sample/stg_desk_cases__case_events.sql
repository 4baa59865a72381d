-- Grain: one row per case that the service desk had yesterday and has no more.
-- The export says which case it deletes and nothing else; what is known of it is yesterday's state.
with

cases_yesterday as (

    select *
    from staging.current_desk_cases
    where dt = $run_date - interval '1 day'

),

cases as (

    select case_number
    from staging.current_desk_cases
    where dt = $run_date

),

deleted as (

    select cases_yesterday.*
    from cases_yesterday
    left anti join cases on cases_yesterday.case_number = cases.case_number

),

renamed as (

    select
        'desk:deleted-' || case_number || '-' || cast($run_date as varchar) as event_id,
        'desk' as source,
        case when contact_no is not null then 'desk:' || contact_no end as record_id,
        'case:' || case_number as case_id,
        channel,
        'deleted' as event_kind,
        'system' as author_kind,
        false as is_public,
        $run_date as event_date
    from deleted

)

select * from renamed
order by event_id
