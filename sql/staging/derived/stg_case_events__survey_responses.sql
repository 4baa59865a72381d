-- Grain: one row per rating of the service by the customer of a case.
-- A rating that is changed is a further answer: the first is not taken back.
with

ratings as (

    select *
    from staging.case_events
    where dt = $run_date and event_kind = 'rated' and rating is not null

),

answers as (

    select
        'case_rated:' || event_id as response_id,
        source,
        record_id,
        customer_number,
        linked_customer_number,
        email,
        phone,
        loyalty_id,
        handle,
        'Service rating' as survey,
        'csat' as metric,
        rating as score,
        scale_min,
        scale_max,
        'higher_is_better' as polarity,
        channel,
        'support' as touchpoint,
        happened_at as responded_at,
        event_date as response_date,
        text as comment,
        language,
        order_id,
        case_id
    from ratings

)

select * from answers
order by response_id
