-- Grain: one row per rating of a case, on the day it first appears in the case.
-- A changed rating is a further response: the first is not taken back.
with

cases as (

    select *
    from staging.current_crm_cases
    where dt = $run_date and rated_at is not null

),

cases_yesterday as (

    select number, rated_at
    from staging.current_crm_cases
    where dt = $run_date - interval '1 day'

),

newly_rated as (

    select
        cases.*,
        normalize_email(cases.contact_email) as email,
        normalize_phone(cases.contact_phone, $default_region) as phone,
        normalize_handle('x', cases.contact_handle) as handle
    from cases
    left join cases_yesterday on cases.number = cases_yesterday.number
    where cases_yesterday.rated_at is null or cases_yesterday.rated_at <> cases.rated_at

),

renamed as (

    select
        'crm:case-' || number || '-' || to_char(rated_at, '%Y%m%dT%H%M%S') as response_id,
        'crm' as source,
        case
            when contact_number is not null then 'crm:' || contact_number
            else 'crm:guest-' || md5(coalesce(email, phone, handle))
        end as record_id,
        'crm:' || contact_number as customer_number,
        email,
        phone,
        handle,
        'Service desk' as survey,
        'csat' as metric,
        cast(rating as decimal(9, 2)) as score,
        cast(1 as decimal(9, 2)) as scale_min,
        cast(5 as decimal(9, 2)) as scale_max,
        'higher_is_better' as polarity,
        channel,
        'support' as touchpoint,
        rated_at as responded_at,
        business_date(rated_at, $time_zone) as response_date,
        rating_comment as comment,
        language,
        'shop:' || order_number as order_id,
        'crm:' || number as case_id
    from newly_rated

)

select * from renamed
order by response_id
