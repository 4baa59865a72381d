-- Grain: one row per case that the service desk had yesterday and has no more.
-- The export says which case it deletes and nothing else; what is known of it is yesterday's state.
with

cases_yesterday as (

    select *
    from staging.current_crm_cases
    where dt = $run_date - interval '1 day'

),

cases as (

    select number
    from staging.current_crm_cases
    where dt = $run_date

),

deleted as (

    select cases_yesterday.*
    from cases_yesterday
    left anti join cases on cases_yesterday.number = cases.number

),

renamed as (

    select
        'crm:deleted-' || number || '-' || cast($run_date as varchar) as event_id,
        'crm' as source,
        case when contact_number is not null then 'crm:' || contact_number end as record_id,
        'crm:' || number as case_id,
        channel,
        'deleted' as event_kind,
        'system' as author_kind,
        false as is_public,
        $run_date as event_date
    from deleted

)

select * from renamed
order by event_id
