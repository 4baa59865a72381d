-- Grain: one row per touchpoint event that became known on the day: the journey's steps.
-- Null customer_id: anonymous. Null marketing_channel: not a touch of marketing; a visit that
-- began with the address typed in is none either.
with

interactions as (

    select *
    from marts.interactions
    where dt = $run_date

),

sessions as (

    select 'site_visited:' || session_id as interaction_id, traffic_source
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

steps as (

    select
        interactions.interaction_id as touchpoint_id,
        interactions.customer_id,
        interactions.source,
        interactions.record_id,
        interactions.interaction_kind as step,
        interactions.channel,
        case
            when answers.response_id is not null then coalesce(answers.touchpoint, 'relationship')
            else interactions.touchpoint
        end as touchpoint,
        case
            when purchases.customer_type = 'returning' then 'retention'
            when answers.touchpoint in ('checkout', 'delivery') then 'purchase'
            else interactions.life_cycle_stage
        end as life_cycle_stage,
        interactions.occurred_at as touched_at,
        interactions.interaction_date as touch_date,
        interactions.is_direct,
        interactions.is_initiated_by_customer,
        interactions.campaign_id,
        case
            when interactions.interaction_kind = 'site_visited'
                then nullif(sessions.traffic_source, 'direct')
            when
                interactions.interaction_kind
                in ('campaign_opened', 'campaign_clicked', 'campaign_responded')
                then interactions.channel
            -- Nobody can see whether a letter or a text message was opened.
            when
                interactions.interaction_kind = 'campaign_sent'
                and interactions.channel in ('post', 'sms', 'phone')
                then interactions.channel
        end as marketing_channel,
        answers.metric,
        interactions.rating_share,
        interactions.sentiment,
        interactions.value_amount,
        interactions.currency,
        interactions.order_id,
        interactions.case_id
    from interactions
    left join sessions on interactions.interaction_id = sessions.interaction_id
    left join answers on interactions.response_id = answers.response_id
    left join purchases
        on
            interactions.order_id = purchases.order_id
            and interactions.interaction_kind = 'order_purchase'

)

select * from steps
order by touchpoint_id
