-- Grain: one row per touchpoint event that became known on the day: the journey's steps.
-- Null customer_id: anonymous. Null marketing_channel: not a touch of marketing; a visit that
-- began with the address typed in is none either.
with

interactions as (

    select *
    from marts.interactions
    where dt = $run_date

),

rules as (

    select *
    from marts.journey_rules
    where dt = $run_date

),

general_rules as (

    select *
    from rules
    where applies_to = 'all'

),

sessions as (

    select
        'site_visited:' || session_id as interaction_id,
        traffic_source,
        case
            when
                search_count + product_view_count + add_to_cart_count + checkout_count
                + purchase_count > 0
                then 'shopping'
        end as word
    from staging.web_sessions
    where dt = $run_date and first_known_date = $run_date

),

answers as (

    select response_id, metric, touchpoint
    from staging.survey_responses
    where dt = $run_date

),

purchases as (

    select order_id, customer_type
    from marts.orders
    where dt = $run_date and order_kind = 'purchase' and is_new

),

-- The words by which the rules tell interactions of a kind apart.
worded as (

    select
        interactions.*,
        sessions.traffic_source,
        answers.metric,
        case
            when answers.response_id is not null then coalesce(answers.touchpoint, 'relationship')
        end as moment,
        coalesce(
            sessions.word,
            purchases.customer_type,
            case
                when answers.response_id is not null
                    then coalesce(answers.touchpoint, 'relationship')
            end
        ) as word
    from interactions
    left join sessions on interactions.interaction_id = sessions.interaction_id
    left join answers on interactions.response_id = answers.response_id
    left join purchases
        on
            interactions.order_id = purchases.order_id
            and interactions.interaction_kind = 'order_purchase'

),

ruled as (

    select
        worded.*,
        coalesce(
            word_rules.life_cycle_stage,
            metric_rules.life_cycle_stage,
            general_rules.life_cycle_stage
        ) as ruled_stage,
        case
            when word_rules.interaction_kind is not null then word_rules.touchpoint
            when metric_rules.interaction_kind is not null then metric_rules.touchpoint
            else general_rules.touchpoint
        end as ruled_touchpoint,
        coalesce(word_rules.is_direct, metric_rules.is_direct, general_rules.is_direct)
            as is_ruled_direct
    from worded
    left join rules as word_rules
        on
            worded.interaction_kind = word_rules.interaction_kind
            and worded.word = word_rules.applies_to
    left join rules as metric_rules
        on
            worded.interaction_kind = metric_rules.interaction_kind
            and worded.metric = metric_rules.applies_to
    left join general_rules on worded.interaction_kind = general_rules.interaction_kind

),

steps as (

    select
        interaction_id as touchpoint_id,
        customer_id,
        source,
        record_id,
        interaction_kind as step,
        channel,
        coalesce(ruled_touchpoint, moment, touchpoint) as touchpoint,
        coalesce(ruled_stage, life_cycle_stage) as life_cycle_stage,
        occurred_at as touched_at,
        interaction_date as touch_date,
        coalesce(is_ruled_direct, is_direct) as is_direct,
        is_initiated_by_customer,
        campaign_id,
        case
            when interaction_kind = 'site_visited' then nullif(traffic_source, 'direct')
            when interaction_kind in ('campaign_opened', 'campaign_clicked', 'campaign_responded')
                then channel
            -- Nobody can see whether a letter or a text message was opened.
            when interaction_kind = 'campaign_sent' and channel in ('post', 'sms', 'phone')
                then channel
        end as marketing_channel,
        metric,
        rating_share,
        sentiment,
        value_amount,
        currency,
        order_id,
        case_id
    from ruled

)

select * from steps
order by touchpoint_id
