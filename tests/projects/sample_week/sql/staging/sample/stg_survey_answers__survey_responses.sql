-- Grain: one row per answer.
-- A null score was asked and not answered. The form is filled in by whoever holds the link, so
-- only what they state says who they are: a number, or the hash of an address or telephone.
with

answers as (

    select
        *,
        normalize_identifier(customer_no) as crm_number,
        normalize_email(email) as normalized_email,
        normalize_phone(mobile, $default_region) as normalized_phone
    from raw.survey_answers
    where dt = $run_date

),

renamed as (

    select
        'survey:' || response_id as response_id,
        'survey' as source,
        'survey:' || coalesce(crm_number, md5(normalized_email), md5(normalized_phone))
            as record_id,
        'crm:' || crm_number as customer_number,
        normalized_email as email,
        normalized_phone as phone,
        survey,
        lower(question) as metric,
        cast(score as decimal(9, 2)) as score,
        cast(case question when 'NPS' then 0 else 1 end as decimal(9, 2)) as scale_min,
        cast(
            case question when 'NPS' then 10 when 'CSAT' then 5 else 7 end as decimal(9, 2)
        ) as scale_max,
        'higher_is_better' as polarity,
        channel,
        touchpoint,
        submitted as responded_at,
        business_date(submitted, $time_zone) as response_date,
        comment,
        language,
        'shop:' || order_number as order_id
    from answers

)

select * from renamed
order by response_id
