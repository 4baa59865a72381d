-- Grain: one row per invitation that was answered, or that was made and not answered so far.
-- A null score is no answer, or a question that was seen and skipped.
with

responses as (

    select
        *,
        normalize_email(email) as normal_email
    from raw.survey_responses
    where dt = $run_date

),

renamed as (

    select
        'survey:' || response_id as response_id,
        'survey' as source,
        'survey:' || coalesce(contact_no, md5(normal_email)) as record_id,
        'crm:' || contact_no as customer_number,
        normal_email as email,
        survey,
        lower(survey) as metric,
        cast(score as decimal(9, 2)) as score,
        cast(case survey when 'NPS' then 0 else 1 end as decimal(9, 2)) as scale_min,
        cast(
            case survey when 'NPS' then 10 when 'CSAT' then 5 else 7 end as decimal(9, 2)
        ) as scale_max,
        'higher_is_better' as polarity,
        channel,
        nullif(touchpoint, 'relationship') as touchpoint,
        invited_at,
        answered_at as responded_at,
        business_date(coalesce(answered_at, invited_at), $time_zone) as response_date,
        nullif(trim(comment), '') as comment,
        language,
        'order:' || order_number as order_id,
        'case:' || case_number as case_id
    from responses

)

select * from renamed
order by response_id
