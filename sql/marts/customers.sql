-- Grain: one row per customer.
-- Zero is none known; a null attribute is not known. What consent does not allow is null.
with

profiles as (

    select *
    from marts.customer_profiles
    where dt = $run_date

),

orders as (

    select *
    from marts.customer_orders
    where dt = $run_date

),

experience as (

    select *
    from marts.customer_experience
    where dt = $run_date

),

engagement as (

    select *
    from marts.customer_engagement
    where dt = $run_date

),

actions as (

    select *
    from marts.customer_actions
    where dt = $run_date

),

household_members as (

    select customer_id, household_id
    from marts.household_members
    where dt = $run_date

),

organisation_members as (

    select customer_id, organisation_id
    from marts.organisation_members
    where dt = $run_date

),

customer_consents as (

    select customer_id, purpose, channel, is_allowed
    from marts.customer_consents
    where dt = $run_date

),

-- A channel that nobody ever decided on follows the purpose as a whole.
consents as (

    select
        customer_id,
        coalesce(
            bool_or(is_allowed) filter (
                where purpose = $outreach_purpose and channel = 'email'
            ),
            bool_or(is_allowed) filter (
                where purpose = $outreach_purpose and channel = 'any'
            )
        ) as outreach_email,
        coalesce(
            bool_or(is_allowed) filter (
                where purpose = $outreach_purpose and channel = 'sms'
            ),
            bool_or(is_allowed) filter (
                where purpose = $outreach_purpose and channel = 'any'
            )
        ) as outreach_sms,
        coalesce(
            bool_or(is_allowed) filter (
                where purpose = $outreach_purpose and channel = 'phone'
            ),
            bool_or(is_allowed) filter (
                where purpose = $outreach_purpose and channel = 'any'
            )
        ) as outreach_phone,
        coalesce(
            bool_or(is_allowed) filter (
                where purpose = $outreach_purpose and channel = 'post'
            ),
            bool_or(is_allowed) filter (
                where purpose = $outreach_purpose and channel = 'any'
            )
        ) as outreach_post,
        coalesce(
            bool_or(is_allowed) filter (
                where purpose = $outreach_purpose and channel = 'push'
            ),
            bool_or(is_allowed) filter (
                where purpose = $outreach_purpose and channel = 'any'
            )
        ) as outreach_push,
        bool_or(is_allowed) filter (
            where purpose = $profiling_purpose and channel = 'any'
        ) as profiling,
        bool_or(is_allowed) filter (
            where purpose = $research_purpose and channel = 'any'
        ) as research
    from customer_consents
    group by customer_id

),

customers as (

    select
        profiles.customer_id,
        profiles.customer_since,
        profiles.record_count,
        profiles.sources,
        profiles.customer_numbers,
        profiles.loyalty_id,
        profiles.loyalty_ids,
        profiles.handles,
        household_members.household_id,
        organisation_members.organisation_id,
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
        profiles.email,
        profiles.phone,
        coalesce(consents.outreach_email, false) as consent_marketing_email,
        coalesce(consents.outreach_sms, false) as consent_marketing_sms,
        coalesce(consents.outreach_phone, false) as consent_marketing_phone,
        coalesce(consents.outreach_post, false) as consent_marketing_post,
        coalesce(consents.outreach_push, false) as consent_marketing_push,
        coalesce(consents.profiling, false) as consent_profiling,
        coalesce(consents.research, false) as consent_research,
        case when consents.outreach_email then profiles.email end as contactable_email,
        case when consents.outreach_sms then profiles.phone end as contactable_sms,
        case when consents.outreach_phone then profiles.phone end as contactable_phone,
        coalesce(consents.outreach_post, false)
        and profiles.address_line is not null
        and coalesce(profiles.postcode, profiles.city) is not null as is_contactable_by_post,
        $reporting_currency as currency,
        orders.first_order_date,
        orders.last_order_date,
        orders.last_return_date,
        orders.order_count,
        orders.cancellation_count,
        orders.refund_count,
        orders.other_currency_order_count,
        orders.gross_amount,
        orders.discount_amount,
        orders.cancelled_amount,
        orders.refunded_amount,
        orders.net_amount,
        orders.average_order_amount,
        orders.mean_days_between_orders,
        orders.unit_count,
        orders.returned_unit_count,
        orders.costed_net_amount,
        orders.margin_amount,
        orders.categories,
        orders.top_category,
        orders.recency_score,
        orders.frequency_score,
        orders.monetary_score,
        orders.segment,
        experience.case_count,
        experience.open_case_count,
        experience.unanswered_case_count,
        experience.complaint_count,
        experience.open_complaint_count,
        experience.upheld_complaint_count,
        experience.reopened_case_count,
        experience.first_case_date,
        experience.last_case_date,
        experience.last_complaint_date,
        experience.mean_first_reply_minutes,
        experience.mean_resolution_minutes,
        experience.question_asked_count,
        experience.nps_answer_count,
        experience.last_nps_score,
        experience.last_nps_date,
        experience.nps_group,
        experience.nps_trend,
        experience.csat_answer_count,
        experience.last_csat_share,
        experience.last_csat_date,
        experience.csat_trend,
        experience.ces_answer_count,
        experience.last_ces_share,
        experience.last_ces_date,
        experience.ces_trend,
        experience.mention_count,
        experience.review_count,
        experience.reaction_count,
        experience.reach_count,
        experience.first_mention_date,
        experience.last_mention_date,
        experience.rating_count,
        experience.rating_share_mean,
        experience.sentiment_count,
        case when consents.profiling then experience.sentiment_sum end as sentiment_sum,
        case when consents.profiling then experience.sentiment_mean end as sentiment_mean,
        experience.question_count,
        experience.answer_count,
        experience.accepted_answer_count,
        experience.idea_count,
        experience.vote_count,
        experience.comment_count,
        experience.last_community_date,
        experience.signal_count,
        case when consents.profiling then experience.emotion_score end as emotion_score,
        case when consents.profiling then experience.emotion end as emotion,
        experience.last_signal_date,
        experience.word_of_mouth,
        engagement.visit_count,
        engagement.page_view_count,
        engagement.search_count,
        engagement.product_view_count,
        engagement.add_to_cart_count,
        engagement.checkout_count,
        engagement.store_visit_count,
        engagement.store_seconds,
        engagement.video_count,
        engagement.video_seconds,
        engagement.first_visit_date,
        engagement.last_visit_date,
        engagement.last_store_visit_date,
        engagement.last_cart_date,
        engagement.last_considered_date,
        engagement.device_count,
        engagement.store_count,
        engagement.top_store,
        engagement.is_member,
        engagement.points_balance,
        engagement.earned_points,
        engagement.redeemed_points,
        engagement.expired_points,
        engagement.expiring_points,
        engagement.year_points,
        engagement.points_liability,
        engagement.loyalty_tier,
        engagement.first_points_date,
        engagement.last_points_date,
        engagement.last_redeemed_date,
        engagement.message_count,
        engagement.message_opened_count,
        engagement.message_clicked_count,
        engagement.message_responded_count,
        engagement.unsubscribed_count,
        engagement.week_message_count,
        engagement.last_message_date,
        engagement.last_reaction_date,
        engagement.last_campaign_id,
        case when consents.profiling then engagement.best_channel end as best_channel,
        case when consents.profiling then engagement.best_hour end as best_hour,
        engagement.interaction_count,
        engagement.first_interaction_date,
        engagement.last_interaction_date,
        engagement.last_interaction_kind,
        engagement.last_interaction_channel,
        actions.life_cycle_stage,
        actions.life_cycle_since_date,
        actions.life_cycle_days,
        actions.next_best_action,
        actions.next_best_action_reason,
        actions.next_best_action_channel,
        actions.withheld_action,
        actions.withheld_by
    from orders
    inner join experience on orders.customer_id = experience.customer_id
    inner join engagement on orders.customer_id = engagement.customer_id
    inner join actions on orders.customer_id = actions.customer_id
    left join consents on orders.customer_id = consents.customer_id
    left join organisation_members
        on orders.customer_id = organisation_members.customer_id
    left join household_members on orders.customer_id = household_members.customer_id
    -- The long texts come last, so that no other join copies them.
    inner join profiles on orders.customer_id = profiles.customer_id

)

select * from customers
order by customer_id
