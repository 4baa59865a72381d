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

-- The preferred record of each group of fields that must come from one record.
ranked_contacts as (

    select
        *,
        row_number() over (
            partition by customer_id
            order by full_name is null, updated_at desc nulls last, record_id
        ) as name_rank,
        row_number() over (
            partition by customer_id
            order by
                -- A bare country is the address of those who gave no other.
                case
                    when address_line is not null or postcode is not null then 0
                    when city is not null then 1
                    when country is not null then 2
                    else 3
                end,
                updated_at desc nulls last,
                record_id
        ) as address_rank,
        row_number() over (
            partition by customer_id
            order by birth_date is null, updated_at desc nulls last, record_id
        ) as birth_date_rank,
        row_number() over (
            partition by customer_id
            order by gender is null, updated_at desc nulls last, record_id
        ) as gender_rank,
        row_number() over (
            partition by customer_id
            order by language is null, updated_at desc nulls last, record_id
        ) as language_rank
    from customer_contacts

),

profiles as (

    select
        customer_id,
        max(case when name_rank = 1 and full_name is not null then record_id end)
            as profile_record_id,
        max(case when name_rank = 1 then title end) as title,
        max(case when name_rank = 1 then given_name end) as given_name,
        max(case when name_rank = 1 then family_name end) as family_name,
        max(case when name_rank = 1 then full_name end) as full_name,
        max(case when name_rank = 1 then organisation_name end) as organisation_name,
        max(case when birth_date_rank = 1 then birth_date end) as birth_date,
        max(case when gender_rank = 1 then gender end) as gender,
        max(case when language_rank = 1 then language end) as language,
        max(case when address_rank = 1 then address_line end) as address_line,
        max(case when address_rank = 1 then city end) as city,
        max(case when address_rank = 1 then region end) as region,
        max(case when address_rank = 1 then postcode end) as postcode,
        max(case when address_rank = 1 then country end) as country
    from ranked_contacts
    group by customer_id

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

ranked_contact_points as (

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

),

addresses_to_reach as (

    select
        customer_id,
        max(case when kind = 'email' then value end) as email,
        max(case when kind = 'phone' then value end) as phone
    from ranked_contact_points
    where preference = 1
    group by customer_id

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

ranked_feedback as (

    select
        mapped.customer_id,
        record_feedback.metric,
        record_feedback.answered_count,
        record_feedback.last_score,
        record_feedback.last_score_share,
        record_feedback.last_response_date,
        row_number() over (
            partition by mapped.customer_id, record_feedback.metric
            order by
                record_feedback.last_response_date desc nulls last,
                record_feedback.last_responded_at desc nulls last,
                record_feedback.last_response_id desc nulls last,
                record_feedback.record_id
        ) as recency
    from record_feedback
    inner join mapped on record_feedback.record_id = mapped.record_id

),

feedback as (

    select
        customer_id,
        sum(case metric when 'nps' then answered_count else 0 end) as nps_answer_count,
        max(case when metric = 'nps' and recency = 1 then last_score end) as last_nps_score,
        max(case when metric = 'nps' and recency = 1 then last_response_date end)
            as last_nps_date,
        sum(case metric when 'csat' then answered_count else 0 end) as csat_answer_count,
        max(case when metric = 'csat' and recency = 1 then last_score_share end)
            as last_csat_share,
        max(case when metric = 'csat' and recency = 1 then last_response_date end)
            as last_csat_date,
        sum(case metric when 'ces' then answered_count else 0 end) as ces_answer_count,
        max(case when metric = 'ces' and recency = 1 then last_score_share end)
            as last_ces_share,
        max(case when metric = 'ces' and recency = 1 then last_response_date end)
            as last_ces_date
    from ranked_feedback
    group by customer_id

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

ranked_interactions as (

    select
        mapped.customer_id,
        record_interactions.interaction_count,
        record_interactions.first_interaction_date,
        record_interactions.last_interaction_date,
        record_interactions.last_interaction_kind,
        record_interactions.last_interaction_channel,
        row_number() over (
            partition by mapped.customer_id
            order by
                record_interactions.last_interaction_date desc,
                record_interactions.last_interaction_at desc nulls last,
                record_interactions.last_interaction_id desc
        ) as recency
    from record_interactions
    inner join mapped on record_interactions.record_id = mapped.record_id

),

interactions as (

    select
        customer_id,
        sum(interaction_count) as interaction_count,
        min(first_interaction_date) as first_interaction_date,
        max(last_interaction_date) as last_interaction_date,
        max(case when recency = 1 then last_interaction_kind end) as last_interaction_kind,
        max(case when recency = 1 then last_interaction_channel end)
            as last_interaction_channel
    from ranked_interactions
    group by customer_id

),

customers as (

    select
        identities.customer_id,
        identities.customer_since,
        identities.record_count,
        identities.sources,
        profiles.profile_record_id,
        profiles.title,
        profiles.given_name,
        profiles.family_name,
        profiles.full_name,
        profiles.birth_date,
        profiles.gender,
        profiles.language,
        profiles.address_line,
        profiles.city,
        profiles.region,
        profiles.postcode,
        profiles.country,
        profiles.organisation_name,
        addresses_to_reach.email,
        addresses_to_reach.phone,
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
        cast(coalesce(feedback.nps_answer_count, 0) as bigint) as nps_answer_count,
        cast(feedback.last_nps_score as bigint) as last_nps_score,
        feedback.last_nps_date,
        case
            when feedback.last_nps_score >= 9 then 'promoter'
            when feedback.last_nps_score >= 7 then 'passive'
            when feedback.last_nps_score is not null then 'detractor'
        end as nps_group,
        cast(coalesce(feedback.csat_answer_count, 0) as bigint) as csat_answer_count,
        feedback.last_csat_share,
        feedback.last_csat_date,
        cast(coalesce(feedback.ces_answer_count, 0) as bigint) as ces_answer_count,
        feedback.last_ces_share,
        feedback.last_ces_date,
        cast(coalesce(social.mention_count, 0) as bigint) as mention_count,
        social.first_mention_date,
        social.last_mention_date,
        cast(coalesce(social.sentiment_count, 0) as bigint) as sentiment_count,
        cast(coalesce(social.sentiment_sum, 0) as decimal(18, 4)) as sentiment_sum,
        case
            when social.sentiment_count > 0
                then cast(social.sentiment_sum / social.sentiment_count as decimal(9, 4))
        end as sentiment_mean,
        cast(coalesce(interactions.interaction_count, 0) as bigint) as interaction_count,
        interactions.first_interaction_date,
        interactions.last_interaction_date,
        interactions.last_interaction_kind,
        interactions.last_interaction_channel
    from identities
    left join profiles on identities.customer_id = profiles.customer_id
    left join addresses_to_reach on identities.customer_id = addresses_to_reach.customer_id
    left join transactions on identities.customer_id = transactions.customer_id
    left join service on identities.customer_id = service.customer_id
    left join feedback on identities.customer_id = feedback.customer_id
    left join social on identities.customer_id = social.customer_id
    left join interactions on identities.customer_id = interactions.customer_id

)

select * from customers
order by customer_id
