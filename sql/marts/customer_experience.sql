-- Grain: one row per customer.
-- Zero is none known; a null date, mean or class is nothing to tell it from.
with

mapped as (

    select record_id, customer_id
    from identity.identity_map
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

record_community as (

    select *
    from marts.record_community
    where dt = $run_date

),

record_signals as (

    select *
    from marts.record_signals
    where dt = $run_date

),

customers as (

    select distinct customer_id
    from mapped

),

service as (

    select
        mapped.customer_id,
        sum(record_service.case_count) as case_count,
        sum(record_service.open_case_count) as open_case_count,
        sum(record_service.unanswered_case_count) as unanswered_case_count,
        sum(record_service.complaint_count) as complaint_count,
        sum(record_service.open_complaint_count) as open_complaint_count,
        sum(record_service.upheld_complaint_count) as upheld_complaint_count,
        sum(record_service.reopened_case_count) as reopened_case_count,
        min(record_service.first_case_date) as first_case_date,
        max(record_service.last_case_date) as last_case_date,
        max(record_service.last_complaint_date) as last_complaint_date,
        sum(record_service.first_reply_count) as first_reply_count,
        sum(record_service.first_reply_minutes_sum) as first_reply_minutes_sum,
        sum(record_service.resolution_count) as resolution_count,
        sum(record_service.resolution_minutes_sum) as resolution_minutes_sum
    from record_service
    inner join mapped on record_service.record_id = mapped.record_id
    group by mapped.customer_id

),

answer_counts as (

    select
        mapped.customer_id,
        sum(record_feedback.asked_count) as asked_count,
        sum(
            case record_feedback.metric when 'nps' then record_feedback.answered_count else 0 end
        ) as nps_answer_count,
        sum(
            case record_feedback.metric when 'csat' then record_feedback.answered_count else 0 end
        ) as csat_answer_count,
        sum(
            case record_feedback.metric when 'ces' then record_feedback.answered_count else 0 end
        ) as ces_answer_count
    from record_feedback
    inner join mapped on record_feedback.record_id = mapped.record_id
    group by mapped.customer_id

),

-- The last two answers of a customer are among the last two of each record.
answers as (

    select
        mapped.customer_id,
        record_feedback.metric,
        unnest(make_array(
            record_feedback.last_response_id, record_feedback.previous_response_id
        )) as response_id,
        unnest(make_array(record_feedback.last_score, record_feedback.previous_score)) as score,
        unnest(make_array(
            record_feedback.last_score_share, record_feedback.previous_score_share
        )) as score_share,
        unnest(make_array(
            record_feedback.last_response_date, record_feedback.previous_response_date
        )) as response_date,
        unnest(make_array(
            record_feedback.last_responded_at, record_feedback.previous_responded_at
        )) as responded_at
    from record_feedback
    inner join mapped on record_feedback.record_id = mapped.record_id

),

ranked_answers as (

    select
        *,
        row_number() over (
            partition by customer_id, metric
            order by
                response_date desc nulls last,
                responded_at desc nulls last,
                response_id desc
        ) as recency
    from answers
    where response_id is not null

),

last_answers as (

    select
        customer_id,
        max(case when metric = 'nps' and recency = 1 then score end) as last_nps_score,
        max(case when metric = 'nps' and recency = 1 then response_date end) as last_nps_date,
        max(case when metric = 'nps' and recency = 2 then score end) as previous_nps_score,
        max(case when metric = 'csat' and recency = 1 then score_share end) as last_csat_share,
        max(case when metric = 'csat' and recency = 1 then response_date end) as last_csat_date,
        max(case when metric = 'csat' and recency = 2 then score_share end)
            as previous_csat_share,
        max(case when metric = 'ces' and recency = 1 then score_share end) as last_ces_share,
        max(case when metric = 'ces' and recency = 1 then response_date end) as last_ces_date,
        max(case when metric = 'ces' and recency = 2 then score_share end) as previous_ces_share
    from ranked_answers
    group by customer_id

),

social as (

    select
        mapped.customer_id,
        sum(record_social.mention_count) as mention_count,
        sum(record_social.review_count) as review_count,
        sum(record_social.reaction_count) as reaction_count,
        sum(record_social.reach_count) as reach_count,
        min(record_social.first_mention_date) as first_mention_date,
        max(record_social.last_mention_date) as last_mention_date,
        sum(record_social.rating_count) as rating_count,
        sum(record_social.rating_share_sum) as rating_share_sum,
        sum(record_social.sentiment_count) as sentiment_count,
        sum(record_social.sentiment_sum) as sentiment_sum,
        first_value(
            record_social.last_feeling
            order by
                record_social.last_feeling is null,
                record_social.last_post_date desc,
                record_social.last_posted_at desc nulls last,
                record_social.last_post_id desc
        ) as last_post_feeling,
        max(
            case when record_social.last_feeling is not null then record_social.last_post_date end
        ) as last_post_date
    from record_social
    inner join mapped on record_social.record_id = mapped.record_id
    group by mapped.customer_id

),

community as (

    select
        mapped.customer_id,
        sum(record_community.question_count) as question_count,
        sum(record_community.answer_count) as answer_count,
        sum(record_community.accepted_answer_count) as accepted_answer_count,
        sum(record_community.idea_count) as idea_count,
        sum(record_community.vote_count) as vote_count,
        sum(record_community.comment_count) as comment_count,
        max(record_community.last_post_date) as last_community_date
    from record_community
    inner join mapped on record_community.record_id = mapped.record_id
    group by mapped.customer_id

),

ranked_signals as (

    select
        mapped.customer_id,
        record_signals.feeling,
        record_signals.interaction_date,
        row_number() over (
            partition by mapped.customer_id
            order by
                record_signals.interaction_date desc,
                record_signals.occurred_at desc nulls last,
                record_signals.interaction_id desc
        ) as recency
    from record_signals
    inner join mapped on record_signals.record_id = mapped.record_id

),

feelings as (

    select
        customer_id,
        count(*) as signal_count,
        cast(sum(feeling) / count(*) as decimal(9, 4)) as emotion_score,
        max(interaction_date) as last_signal_date
    from ranked_signals
    where recency <= 5
    group by customer_id

),

-- Nobody else's moods and habits leave this query.
profiled as (

    select customer_id
    from marts.customer_consents
    where
        dt = $run_date
        and purpose = $profiling_purpose
        and channel = 'any'
        and is_allowed

),

experience as (

    select
        customers.customer_id,
        cast(coalesce(service.case_count, 0) as bigint) as case_count,
        cast(coalesce(service.open_case_count, 0) as bigint) as open_case_count,
        cast(coalesce(service.unanswered_case_count, 0) as bigint) as unanswered_case_count,
        cast(coalesce(service.complaint_count, 0) as bigint) as complaint_count,
        cast(coalesce(service.open_complaint_count, 0) as bigint) as open_complaint_count,
        cast(coalesce(service.upheld_complaint_count, 0) as bigint) as upheld_complaint_count,
        cast(coalesce(service.reopened_case_count, 0) as bigint) as reopened_case_count,
        service.first_case_date,
        service.last_case_date,
        service.last_complaint_date,
        case
            when service.first_reply_count > 0
                then cast(
                    cast(service.first_reply_minutes_sum as decimal(18, 4))
                    / service.first_reply_count
                    as decimal(18, 4)
                )
        end as mean_first_reply_minutes,
        case
            when service.resolution_count > 0
                then cast(
                    cast(service.resolution_minutes_sum as decimal(18, 4))
                    / service.resolution_count
                    as decimal(18, 4)
                )
        end as mean_resolution_minutes,
        cast(coalesce(answer_counts.asked_count, 0) as bigint) as question_asked_count,
        cast(coalesce(answer_counts.nps_answer_count, 0) as bigint) as nps_answer_count,
        cast(last_answers.last_nps_score as bigint) as last_nps_score,
        last_answers.last_nps_date,
        case
            when last_answers.last_nps_score >= 9 then 'promoter'
            when last_answers.last_nps_score >= 7 then 'passive'
            when last_answers.last_nps_score is not null then 'detractor'
        end as nps_group,
        case
            when last_answers.previous_nps_score is null then null
            when last_answers.last_nps_score > last_answers.previous_nps_score then 'better'
            when last_answers.last_nps_score < last_answers.previous_nps_score then 'worse'
            else 'same'
        end as nps_trend,
        cast(coalesce(answer_counts.csat_answer_count, 0) as bigint) as csat_answer_count,
        last_answers.last_csat_share,
        last_answers.last_csat_date,
        case
            when last_answers.previous_csat_share is null then null
            when last_answers.last_csat_share > last_answers.previous_csat_share then 'better'
            when last_answers.last_csat_share < last_answers.previous_csat_share then 'worse'
            else 'same'
        end as csat_trend,
        cast(coalesce(answer_counts.ces_answer_count, 0) as bigint) as ces_answer_count,
        last_answers.last_ces_share,
        last_answers.last_ces_date,
        case
            when last_answers.previous_ces_share is null then null
            when last_answers.last_ces_share > last_answers.previous_ces_share then 'better'
            when last_answers.last_ces_share < last_answers.previous_ces_share then 'worse'
            else 'same'
        end as ces_trend,
        cast(coalesce(social.mention_count, 0) as bigint) as mention_count,
        cast(coalesce(social.review_count, 0) as bigint) as review_count,
        cast(coalesce(social.reaction_count, 0) as bigint) as reaction_count,
        cast(coalesce(social.reach_count, 0) as bigint) as reach_count,
        social.first_mention_date,
        social.last_mention_date,
        cast(coalesce(social.rating_count, 0) as bigint) as rating_count,
        case
            when social.rating_count > 0
                then cast(social.rating_share_sum / social.rating_count as decimal(9, 6))
        end as rating_share_mean,
        cast(coalesce(social.sentiment_count, 0) as bigint) as sentiment_count,
        case
            when profiled.customer_id is not null
                then cast(coalesce(social.sentiment_sum, 0) as decimal(18, 4))
        end as sentiment_sum,
        case
            when profiled.customer_id is not null and social.sentiment_count > 0
                then cast(social.sentiment_sum / social.sentiment_count as decimal(9, 4))
        end as sentiment_mean,
        cast(coalesce(community.question_count, 0) as bigint) as question_count,
        cast(coalesce(community.answer_count, 0) as bigint) as answer_count,
        cast(coalesce(community.accepted_answer_count, 0) as bigint) as accepted_answer_count,
        cast(coalesce(community.idea_count, 0) as bigint) as idea_count,
        cast(coalesce(community.vote_count, 0) as bigint) as vote_count,
        cast(coalesce(community.comment_count, 0) as bigint) as comment_count,
        community.last_community_date,
        cast(coalesce(feelings.signal_count, 0) as bigint) as signal_count,
        case when profiled.customer_id is not null then feelings.emotion_score end
            as emotion_score,
        case
            when profiled.customer_id is null then null
            when feelings.emotion_score >= 0.3 then 'positive'
            when feelings.emotion_score <= -0.3 then 'negative'
            when feelings.emotion_score is not null then 'neutral'
        end as emotion,
        feelings.last_signal_date,
        -- The last of the two says what they tell others; on the same day, the worse of them.
        case
            when last_answers.last_nps_score is null and social.last_post_feeling is null
                then null
            when
                coalesce(last_answers.last_nps_date, cast('0001-01-01' as date))
                > coalesce(social.last_post_date, cast('0001-01-01' as date))
                then case
                    when last_answers.last_nps_score >= 9 then 'positive'
                    when last_answers.last_nps_score <= 6 then 'negative'
                    else 'neutral'
                end
            when
                coalesce(last_answers.last_nps_date, cast('0001-01-01' as date))
                < coalesce(social.last_post_date, cast('0001-01-01' as date))
                then case
                    when social.last_post_feeling >= 0.05 then 'positive'
                    when social.last_post_feeling <= -0.05 then 'negative'
                    else 'neutral'
                end
            when last_answers.last_nps_score <= 6 or social.last_post_feeling <= -0.05
                then 'negative'
            when last_answers.last_nps_score >= 9 and social.last_post_feeling >= 0.05
                then 'positive'
            else 'neutral'
        end as word_of_mouth
    from customers
    left join service on customers.customer_id = service.customer_id
    left join answer_counts on customers.customer_id = answer_counts.customer_id
    left join last_answers on customers.customer_id = last_answers.customer_id
    left join social on customers.customer_id = social.customer_id
    left join community on customers.customer_id = community.customer_id
    left join feelings on customers.customer_id = feelings.customer_id
    left join profiled on customers.customer_id = profiled.customer_id

)

select * from experience
order by customer_id
