-- Grain: one row per customer, under a pseudonym.
-- Nulls and zeros are those of marts.customers.
with

customers as (

    select *
    from marts.customers
    where dt = $run_date

),

pseudonymous as (

    select
        encode(sha256(concat($pseudonym_key, ':customer:', customer_id)), 'hex')
            as customer_pseudonym,
        case
            when household_id is not null
                then encode(sha256(concat($pseudonym_key, ':household:', household_id)), 'hex')
        end as household_pseudonym,
        case
            when organisation_id is not null
                then encode(
                    sha256(concat($pseudonym_key, ':organisation:', organisation_id)), 'hex'
                )
        end as organisation_pseudonym,
        customer_since,
        record_count,
        sources,
        language,
        phone is not null as has_phone,
        email is not null as has_email,
        case
            when birth_date is not null
                then concat(
                    cast(cast(date_part('year', birth_date) as bigint) / 5 * 5 as varchar),
                    '-',
                    cast(cast(date_part('year', birth_date) as bigint) / 5 * 5 + 4 as varchar)
                )
        end as birth_years,
        case
            when country = 'GB' then regexp_replace(postcode, '[^A-Z].*$', '')
            else substr(postcode, 1, 2)
        end as postcode_area,
        country,
        consent_marketing_email,
        consent_marketing_sms,
        consent_marketing_phone,
        consent_marketing_post,
        consent_marketing_push,
        consent_profiling,
        consent_research,
        is_contactable_by_post,
        currency,
        first_order_date,
        last_order_date,
        last_return_date,
        order_count,
        cancellation_count,
        refund_count,
        other_currency_order_count,
        gross_amount,
        discount_amount,
        cancelled_amount,
        refunded_amount,
        net_amount,
        average_order_amount,
        mean_days_between_orders,
        unit_count,
        returned_unit_count,
        costed_net_amount,
        margin_amount,
        categories,
        top_category,
        recency_score,
        frequency_score,
        monetary_score,
        segment,
        case_count,
        open_case_count,
        unanswered_case_count,
        complaint_count,
        open_complaint_count,
        upheld_complaint_count,
        reopened_case_count,
        first_case_date,
        last_case_date,
        last_complaint_date,
        mean_first_reply_minutes,
        mean_resolution_minutes,
        question_asked_count,
        nps_answer_count,
        last_nps_score,
        last_nps_date,
        nps_group,
        nps_trend,
        csat_answer_count,
        last_csat_share,
        last_csat_date,
        csat_trend,
        ces_answer_count,
        last_ces_share,
        last_ces_date,
        ces_trend,
        mention_count,
        review_count,
        reaction_count,
        reach_count,
        first_mention_date,
        last_mention_date,
        rating_count,
        rating_share_mean,
        sentiment_count,
        sentiment_sum,
        sentiment_mean,
        question_count,
        answer_count,
        accepted_answer_count,
        idea_count,
        vote_count,
        comment_count,
        last_community_date,
        signal_count,
        emotion_score,
        emotion,
        last_signal_date,
        word_of_mouth,
        visit_count,
        page_view_count,
        search_count,
        product_view_count,
        add_to_cart_count,
        checkout_count,
        store_visit_count,
        store_seconds,
        video_count,
        video_seconds,
        first_visit_date,
        last_visit_date,
        last_store_visit_date,
        last_cart_date,
        last_considered_date,
        device_count,
        store_count,
        top_store,
        is_member,
        points_balance,
        earned_points,
        redeemed_points,
        expired_points,
        expiring_points,
        year_points,
        points_liability,
        loyalty_tier,
        first_points_date,
        last_points_date,
        last_redeemed_date,
        message_count,
        message_opened_count,
        message_clicked_count,
        message_responded_count,
        unsubscribed_count,
        week_message_count,
        last_message_date,
        last_reaction_date,
        last_campaign_id,
        best_channel,
        best_hour,
        interaction_count,
        first_interaction_date,
        last_interaction_date,
        last_interaction_kind,
        last_interaction_channel,
        life_cycle_stage,
        life_cycle_since_date,
        life_cycle_days,
        next_best_action,
        next_best_action_channel,
        withheld_action,
        withheld_by
    from customers

)

select * from pseudonymous
order by customer_pseudonym
