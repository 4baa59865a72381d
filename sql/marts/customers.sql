-- Grain: one row per customer.
-- Zero is none known; a null attribute is not known. Every field follows a written rule of
-- survivorship; a name and an address each come from one record as a whole.
with

mapped as (

    select record_id, source, customer_id, customer_since
    from identity.identity_map
    where dt = $run_date

),

identifiers as (

    select record_id, kind, value, first_seen_date, last_seen_date
    from identity.record_identifiers
    where dt = $run_date and kind in ('email', 'phone')

),

contacts as (

    select *
    from marts.record_contacts
    where dt = $run_date

),

record_orders as (

    select *
    from marts.record_orders
    where dt = $run_date

),

record_service as (

    select *
    from marts.record_service
    where dt = $run_date

),

record_feedback as (

    select *
    from marts.record_feedback
    where dt = $run_date

),

record_social as (

    select *
    from marts.record_social
    where dt = $run_date

),

record_interactions as (

    select *
    from marts.record_interactions
    where dt = $run_date

),

records_by_source as (

    select
        customer_id,
        source,
        min(customer_since) as customer_since,
        count(*) as record_count
    from mapped
    group by customer_id, source

),

identities as (

    select
        customer_id,
        min(customer_since) as customer_since,
        cast(sum(record_count) as bigint) as record_count,
        array_agg(source order by source) as sources
    from records_by_source
    group by customer_id

),

customer_contacts as (

    select
        mapped.customer_id,
        contacts.*
    from contacts
    inner join mapped on contacts.record_id = mapped.record_id

),

names as (

    select *
    from (
        select
            customer_id,
            record_id,
            title,
            given_name,
            family_name,
            full_name,
            organisation_name,
            row_number() over (
                partition by customer_id order by updated_at desc nulls last, record_id
            ) as preference
        from customer_contacts
        where full_name is not null
    ) as ranked
    where preference = 1

),

addresses as (

    select *
    from (
        select
            customer_id,
            address_line,
            city,
            region,
            postcode,
            country,
            row_number() over (
                partition by customer_id
                order by
                    -- A bare country is the address of those who gave no other.
                    case
                        when address_line is not null or postcode is not null then 0
                        when city is not null then 1
                        else 2
                    end,
                    updated_at desc nulls last,
                    record_id
            ) as preference
        from customer_contacts
        where
            address_line is not null
            or postcode is not null
            or city is not null
            or country is not null
    ) as ranked
    where preference = 1

),

birth_dates as (

    select *
    from (
        select
            customer_id,
            birth_date,
            row_number() over (
                partition by customer_id order by updated_at desc nulls last, record_id
            ) as preference
        from customer_contacts
        where birth_date is not null
    ) as ranked
    where preference = 1

),

genders as (

    select *
    from (
        select
            customer_id,
            gender,
            row_number() over (
                partition by customer_id order by updated_at desc nulls last, record_id
            ) as preference
        from customer_contacts
        where gender is not null
    ) as ranked
    where preference = 1

),

languages as (

    select *
    from (
        select
            customer_id,
            language,
            row_number() over (
                partition by customer_id order by updated_at desc nulls last, record_id
            ) as preference
        from customer_contacts
        where language is not null
    ) as ranked
    where preference = 1

),

contact_points as (

    select
        customer_id,
        'email' as kind,
        email as value,
        0 as origin,
        updated_at,
        cast(null as date) as last_seen_date,
        record_id
    from customer_contacts
    where email is not null
    union all
    select
        customer_id,
        'phone' as kind,
        phone as value,
        0 as origin,
        updated_at,
        cast(null as date) as last_seen_date,
        record_id
    from customer_contacts
    where phone is not null
    union all
    select
        mapped.customer_id,
        identifiers.kind,
        identifiers.value,
        1 as origin,
        cast(null as timestamp) as updated_at,
        identifiers.last_seen_date,
        identifiers.record_id
    from identifiers
    inner join mapped on identifiers.record_id = mapped.record_id

),

best_contact_points as (

    select *
    from (
        select
            customer_id,
            kind,
            value,
            row_number() over (
                partition by customer_id, kind
                order by
                    origin,
                    updated_at desc nulls last,
                    last_seen_date desc nulls last,
                    value,
                    record_id
            ) as preference
        from contact_points
    ) as ranked
    where preference = 1

),

emails as (

    select customer_id, value as email
    from best_contact_points
    where kind = 'email'

),

phones as (

    select customer_id, value as phone
    from best_contact_points
    where kind = 'phone'

),

transactions as (

    select
        mapped.customer_id,
        min(record_orders.first_order_date) as first_order_date,
        max(record_orders.last_order_date) as last_order_date,
        sum(record_orders.order_count) as order_count,
        sum(record_orders.cancellation_count) as cancellation_count,
        sum(record_orders.refund_count) as refund_count,
        sum(record_orders.other_currency_order_count) as other_currency_order_count,
        sum(record_orders.gross_amount) as gross_amount,
        sum(record_orders.discount_amount) as discount_amount,
        sum(record_orders.cancelled_amount) as cancelled_amount,
        sum(record_orders.refunded_amount) as refunded_amount,
        sum(record_orders.net_amount) as net_amount
    from record_orders
    inner join mapped on record_orders.record_id = mapped.record_id
    group by mapped.customer_id

),

service as (

    select
        mapped.customer_id,
        sum(record_service.case_count) as case_count,
        sum(record_service.open_case_count) as open_case_count,
        sum(record_service.unanswered_case_count) as unanswered_case_count,
        sum(record_service.complaint_count) as complaint_count,
        sum(record_service.reopened_case_count) as reopened_case_count,
        min(record_service.first_case_date) as first_case_date,
        max(record_service.last_case_date) as last_case_date
    from record_service
    inner join mapped on record_service.record_id = mapped.record_id
    group by mapped.customer_id

),

customer_feedback as (

    select
        mapped.customer_id,
        record_feedback.*
    from record_feedback
    inner join mapped on record_feedback.record_id = mapped.record_id

),

feedback_counts as (

    select
        customer_id,
        sum(case metric when 'nps' then answered_count else 0 end) as nps_answer_count,
        sum(case metric when 'csat' then answered_count else 0 end) as csat_answer_count,
        sum(case metric when 'ces' then answered_count else 0 end) as ces_answer_count
    from customer_feedback
    group by customer_id

),

last_answers as (

    select *
    from (
        select
            customer_id,
            metric,
            last_score,
            last_score_share,
            last_response_date,
            row_number() over (
                partition by customer_id, metric
                order by
                    last_response_date desc,
                    last_responded_at desc nulls last,
                    last_response_id desc
            ) as recency
        from customer_feedback
        where last_score is not null
    ) as ranked
    where recency = 1

),

last_nps as (

    select customer_id, last_score, last_response_date
    from last_answers
    where metric = 'nps'

),

last_csat as (

    select customer_id, last_score_share, last_response_date
    from last_answers
    where metric = 'csat'

),

last_ces as (

    select customer_id, last_score_share, last_response_date
    from last_answers
    where metric = 'ces'

),

social as (

    select
        mapped.customer_id,
        sum(record_social.mention_count) as mention_count,
        min(record_social.first_mention_date) as first_mention_date,
        max(record_social.last_mention_date) as last_mention_date,
        sum(record_social.sentiment_count) as sentiment_count,
        sum(record_social.sentiment_sum) as sentiment_sum
    from record_social
    inner join mapped on record_social.record_id = mapped.record_id
    group by mapped.customer_id

),

customer_interactions as (

    select
        mapped.customer_id,
        record_interactions.*
    from record_interactions
    inner join mapped on record_interactions.record_id = mapped.record_id

),

interaction_counts as (

    select
        customer_id,
        sum(interaction_count) as interaction_count,
        min(first_interaction_date) as first_interaction_date
    from customer_interactions
    group by customer_id

),

last_interactions as (

    select *
    from (
        select
            customer_id,
            last_interaction_date,
            last_interaction_kind,
            last_interaction_channel,
            row_number() over (
                partition by customer_id
                order by
                    last_interaction_date desc,
                    last_interaction_at desc nulls last,
                    last_interaction_id desc
            ) as recency
        from customer_interactions
    ) as ranked
    where recency = 1

),

customers as (

    select
        identities.customer_id,
        identities.customer_since,
        identities.record_count,
        identities.sources,
        names.record_id as profile_record_id,
        names.title,
        names.given_name,
        names.family_name,
        names.full_name,
        birth_dates.birth_date,
        genders.gender,
        languages.language,
        addresses.address_line,
        addresses.city,
        addresses.region,
        addresses.postcode,
        addresses.country,
        names.organisation_name,
        emails.email,
        phones.phone,
        transactions.first_order_date,
        transactions.last_order_date,
        cast(coalesce(transactions.order_count, 0) as bigint) as order_count,
        cast(coalesce(transactions.cancellation_count, 0) as bigint) as cancellation_count,
        cast(coalesce(transactions.refund_count, 0) as bigint) as refund_count,
        cast(coalesce(transactions.other_currency_order_count, 0) as bigint)
            as other_currency_order_count,
        cast(coalesce(transactions.gross_amount, 0) as decimal(18, 4)) as gross_amount,
        cast(coalesce(transactions.discount_amount, 0) as decimal(18, 4)) as discount_amount,
        cast(coalesce(transactions.cancelled_amount, 0) as decimal(18, 4)) as cancelled_amount,
        cast(coalesce(transactions.refunded_amount, 0) as decimal(18, 4)) as refunded_amount,
        cast(coalesce(transactions.net_amount, 0) as decimal(18, 4)) as net_amount,
        case
            when transactions.order_count > transactions.other_currency_order_count
                then cast(
                    (transactions.gross_amount - transactions.discount_amount)
                    / (transactions.order_count - transactions.other_currency_order_count)
                    as decimal(18, 4)
                )
        end as average_order_amount,
        cast(coalesce(service.case_count, 0) as bigint) as case_count,
        cast(coalesce(service.open_case_count, 0) as bigint) as open_case_count,
        cast(coalesce(service.unanswered_case_count, 0) as bigint) as unanswered_case_count,
        cast(coalesce(service.complaint_count, 0) as bigint) as complaint_count,
        cast(coalesce(service.reopened_case_count, 0) as bigint) as reopened_case_count,
        service.first_case_date,
        service.last_case_date,
        cast(coalesce(feedback_counts.nps_answer_count, 0) as bigint) as nps_answer_count,
        cast(last_nps.last_score as bigint) as last_nps_score,
        last_nps.last_response_date as last_nps_date,
        case
            when last_nps.last_score >= 9 then 'promoter'
            when last_nps.last_score >= 7 then 'passive'
            when last_nps.last_score is not null then 'detractor'
        end as nps_group,
        cast(coalesce(feedback_counts.csat_answer_count, 0) as bigint) as csat_answer_count,
        last_csat.last_score_share as last_csat_share,
        last_csat.last_response_date as last_csat_date,
        cast(coalesce(feedback_counts.ces_answer_count, 0) as bigint) as ces_answer_count,
        last_ces.last_score_share as last_ces_share,
        last_ces.last_response_date as last_ces_date,
        cast(coalesce(social.mention_count, 0) as bigint) as mention_count,
        social.first_mention_date,
        social.last_mention_date,
        cast(coalesce(social.sentiment_count, 0) as bigint) as sentiment_count,
        cast(coalesce(social.sentiment_sum, 0) as decimal(18, 4)) as sentiment_sum,
        case
            when social.sentiment_count > 0
                then cast(social.sentiment_sum / social.sentiment_count as decimal(9, 4))
        end as sentiment_mean,
        cast(coalesce(interaction_counts.interaction_count, 0) as bigint) as interaction_count,
        interaction_counts.first_interaction_date,
        last_interactions.last_interaction_date,
        last_interactions.last_interaction_kind,
        last_interactions.last_interaction_channel
    from identities
    left join names on identities.customer_id = names.customer_id
    left join addresses on identities.customer_id = addresses.customer_id
    left join birth_dates on identities.customer_id = birth_dates.customer_id
    left join genders on identities.customer_id = genders.customer_id
    left join languages on identities.customer_id = languages.customer_id
    left join emails on identities.customer_id = emails.customer_id
    left join phones on identities.customer_id = phones.customer_id
    left join transactions on identities.customer_id = transactions.customer_id
    left join service on identities.customer_id = service.customer_id
    left join feedback_counts on identities.customer_id = feedback_counts.customer_id
    left join last_nps on identities.customer_id = last_nps.customer_id
    left join last_csat on identities.customer_id = last_csat.customer_id
    left join last_ces on identities.customer_id = last_ces.customer_id
    left join social on identities.customer_id = social.customer_id
    left join interaction_counts on identities.customer_id = interaction_counts.customer_id
    left join last_interactions on identities.customer_id = last_interactions.customer_id

)

select * from customers
order by customer_id
