-- Grain: one row per customer.
-- Null action: nothing fits, or all that fits is withheld. The stage's day goes on from yesterday.
with

profiles as (

    select customer_id, email, phone
    from marts.customer_profiles
    where dt = $run_date

),

orders as (

    select customer_id, first_order_date, last_order_date, order_count
    from marts.customer_orders
    where dt = $run_date

),

experience as (

    select
        customer_id, open_case_count, unanswered_case_count, open_complaint_count,
        last_nps_score, last_nps_date, last_csat_share, last_csat_date, last_ces_date, word_of_mouth
    from marts.customer_experience
    where dt = $run_date

),

engagement as (

    select
        customer_id, last_considered_date, last_cart_date, is_member, expiring_points,
        week_message_count, last_reaction_date, outreach_channel
    from marts.customer_engagement
    where dt = $run_date

),

consents as (

    select customer_id, purpose, channel, is_allowed
    from marts.customer_consents
    where dt = $run_date

),

rules as (

    select priority, action, consent, reason
    from marts.action_rules
    where dt = $run_date

),

known as (

    select customer_id, life_cycle_stage, life_cycle_since_date
    from marts.customer_actions
    where dt = $run_date - interval '1 day'

),

purposes as (

    select
        customer_id,
        bool_or(is_allowed and purpose = $profiling_purpose and channel = 'any')
            as may_be_profiled,
        bool_or(is_allowed and purpose = $research_purpose and channel = 'any')
            as may_be_asked,
        bool_or(is_allowed and purpose = $outreach_purpose)
            as may_be_reached
    from consents
    group by customer_id

),

staged as (

    select
        profiles.customer_id,
        profiles.email,
        profiles.phone,
        orders.first_order_date,
        orders.last_order_date,
        orders.order_count,
        experience.open_case_count,
        experience.unanswered_case_count,
        experience.open_complaint_count,
        experience.word_of_mouth,
        experience.last_nps_score,
        experience.last_nps_date,
        experience.last_csat_share,
        experience.last_csat_date,
        greatest(
            coalesce(experience.last_nps_date, cast('0001-01-01' as date)),
            coalesce(experience.last_csat_date, cast('0001-01-01' as date)),
            coalesce(experience.last_ces_date, cast('0001-01-01' as date))
        ) as last_answer_date,
        engagement.last_cart_date,
        engagement.is_member,
        engagement.expiring_points,
        engagement.week_message_count,
        engagement.outreach_channel,
        coalesce(purposes.may_be_profiled, false) as may_be_profiled,
        coalesce(purposes.may_be_asked, false) as may_be_asked,
        coalesce(purposes.may_be_reached, false) as may_be_reached,
        case
            when
                orders.order_count > 0
                and days_between(orders.last_order_date, $run_date) > $churned_after_days
                then 'churned'
            when orders.order_count > 0 and experience.word_of_mouth = 'positive' then 'advocacy'
            when orders.order_count > 1 then 'retention'
            when orders.order_count = 1 then 'purchase'
            when
                days_between(engagement.last_considered_date, $run_date) <= $consideration_days
                or days_between(engagement.last_reaction_date, $run_date) <= $consideration_days
                then 'consideration'
            else 'awareness'
        end as life_cycle_stage
    from profiles
    inner join orders on profiles.customer_id = orders.customer_id
    inner join experience on profiles.customer_id = experience.customer_id
    inner join engagement on profiles.customer_id = engagement.customer_id
    left join purposes on profiles.customer_id = purposes.customer_id

),

fitting as (

    select
        staged.*,
        unnest(make_array(
            'none_fits',
            case when unanswered_case_count > 0 then 'answer_case' end,
            case when open_complaint_count > 0 then 'settle_complaint' end,
            case
                when
                    open_case_count = 0
                    and (
                        (
                            last_nps_score <= 6
                            and days_between(last_nps_date, $run_date) <= 14
                        )
                        or (
                            last_csat_share <= 0.25
                            and days_between(last_csat_date, $run_date) <= 14
                        )
                    )
                    then 'call_back'
            end,
            case when expiring_points > 0 then 'remind_of_points' end,
            case
                when
                    days_between(last_cart_date, $run_date) <= 7
                    and (last_order_date is null or last_order_date < last_cart_date)
                    then 'finish_cart'
            end,
            case when life_cycle_stage = 'churned' then 'win_back' end,
            case
                when
                    life_cycle_stage = 'purchase'
                    and days_between(last_order_date, $run_date) between 14 and 60
                    then 'invite_second_order'
            end,
            case when life_cycle_stage = 'advocacy' then 'ask_for_recommendation' end,
            case
                when
                    days_between(last_order_date, $run_date) between 3 and 30
                    and last_answer_date < last_order_date
                    then 'ask_for_feedback'
            end,
            case when order_count > 1 and not is_member then 'invite_to_programme' end,
            case when life_cycle_stage = 'retention' then 'offer_related_goods' end,
            case
                when life_cycle_stage in ('awareness', 'consideration') then 'introduce_goods'
            end
        )) as action
    from staged

),

judged as (

    select
        fitting.customer_id,
        fitting.life_cycle_stage,
        rules.priority,
        rules.action,
        rules.reason,
        rules.consent,
        case
            when rules.consent = 'none' or rules.action is null then null
            when rules.consent = 'research' and not fitting.may_be_asked then 'consent'
            when rules.consent <> 'research' and not fitting.may_be_reached then 'consent'
            when
                rules.consent = 'outreach_and_profiling' and not fitting.may_be_profiled
                then 'consent'
            when
                rules.consent = 'research' and coalesce(fitting.email, fitting.phone) is null
                then 'contact_point'
            when rules.consent <> 'research' and fitting.outreach_channel is null
                then 'contact_point'
            when fitting.week_message_count >= $maximum_messages_a_week then 'contact_cap'
        end as withheld_by,
        case
            when rules.consent in ('none', 'research') and fitting.email is not null then 'email'
            when rules.consent in ('none', 'research') and fitting.phone is not null then 'phone'
            when rules.consent not in ('none', 'research') then fitting.outreach_channel
        end as action_channel
    from fitting
    left join rules on fitting.action = rules.action
    where fitting.action is not null

),

chosen as (

    select
        customer_id,
        min(life_cycle_stage) as life_cycle_stage,
        first_value(action order by priority nulls last, action)
            filter (where action is not null and withheld_by is null) as next_best_action,
        first_value(reason order by priority nulls last, action)
            filter (where action is not null and withheld_by is null) as next_best_action_reason,
        first_value(action_channel order by priority nulls last, action)
            filter (where action is not null and withheld_by is null) as next_best_action_channel,
        min(priority) filter (where withheld_by is null) as priority,
        first_value(action order by priority nulls last, action)
            filter (where withheld_by is not null) as withheld_action,
        first_value(withheld_by order by priority nulls last, action)
            filter (where withheld_by is not null) as withheld_by,
        min(priority) filter (where withheld_by is not null) as withheld_priority
    from judged
    group by customer_id

),

actions as (

    select
        chosen.customer_id,
        chosen.life_cycle_stage,
        case
            when chosen.life_cycle_stage = known.life_cycle_stage
                then known.life_cycle_since_date
            else $run_date
        end as life_cycle_since_date,
        case
            when chosen.life_cycle_stage = known.life_cycle_stage
                then days_between(known.life_cycle_since_date, $run_date)
            else 0
        end as life_cycle_days,
        chosen.next_best_action,
        chosen.next_best_action_reason,
        chosen.next_best_action_channel,
        case
            when chosen.priority is null or chosen.withheld_priority < chosen.priority
                then chosen.withheld_action
        end as withheld_action,
        case
            when chosen.priority is null or chosen.withheld_priority < chosen.priority
                then chosen.withheld_by
        end as withheld_by
    from chosen
    left join known on chosen.customer_id = known.customer_id

)

select * from actions
order by customer_id
