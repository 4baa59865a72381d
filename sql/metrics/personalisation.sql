-- Grain: one row per day of offer and action; `all` is the total over actions.
-- As of dt, for the offers of the eight days up to it: the row of a day at dt = day + 7 is final.
with

customers as (

    select
        dt,
        customer_id,
        next_best_action,
        withheld_action,
        withheld_by
    from marts.customers
    where dt <= $run_date and dt >= $run_date - interval '8 days'

),

touchpoints as (

    select customer_id, step, touch_date
    from marts.touchpoints
    where
        dt <= $run_date
        and dt >= $run_date - interval '7 days'
        and touch_date >= $run_date - interval '7 days'
        and customer_id is not null

),

-- What shows that an action was taken.
answers as (

    select column1 as action, column2 as step
    from (
        values
            ('answer_case', 'case_replied'),
            ('settle_complaint', 'case_resolved'),
            ('call_back', 'case_replied'),
            ('remind_of_points', 'points_redeemed'),
            ('remind_of_points', 'order_purchase'),
            ('finish_cart', 'order_purchase'),
            ('win_back', 'order_purchase'),
            ('invite_second_order', 'order_purchase'),
            ('ask_for_recommendation', 'mention_posted'),
            ('ask_for_recommendation', 'review_posted'),
            ('ask_for_recommendation', 'brand_recommended'),
            ('ask_for_feedback', 'survey_answered'),
            ('invite_to_programme', 'points_earned'),
            ('offer_related_goods', 'order_purchase'),
            ('introduce_goods', 'order_purchase')
    ) as declared

),

proposed as (

    select dt, customer_id, next_best_action as action, 'offered' as outcome
    from customers
    where next_best_action is not null
    union all
    select dt, customer_id, withheld_action as action, withheld_by as outcome
    from customers
    where withheld_action is not null

),

-- The day before, whatever became of it then.
standing as (

    select cast(dt + interval '1 day' as date) as dt, customer_id, action
    from proposed
    group by cast(dt + interval '1 day' as date), customer_id, action

),

begun as (

    select
        proposed.dt as offer_date,
        proposed.customer_id,
        proposed.action,
        proposed.outcome
    from proposed
    left anti join standing
        on
            proposed.dt = standing.dt
            and proposed.customer_id = standing.customer_id
            and proposed.action = standing.action
    where proposed.dt >= $run_date - interval '7 days'

),

taken as (

    select begun.offer_date, begun.customer_id, begun.action
    from begun
    inner join answers on begun.action = answers.action
    inner join touchpoints
        on begun.customer_id = touchpoints.customer_id and answers.step = touchpoints.step
    where
        begun.outcome = 'offered'
        and touchpoints.touch_date > begun.offer_date
        and days_between(begun.offer_date, touchpoints.touch_date) <= 7
    group by begun.offer_date, begun.customer_id, begun.action

),

followed as (

    select
        begun.offer_date,
        begun.action,
        begun.outcome,
        begun.outcome = 'offered' as is_offered,
        taken.customer_id is not null as is_taken,
        days_between(begun.offer_date, $run_date) >= 7 as is_over
    from begun
    left join taken
        on
            begun.offer_date = taken.offer_date
            and begun.customer_id = taken.customer_id
            and begun.action = taken.action

),

totals as (

    select
        offer_date,
        case when grouping(action) = 1 then 'all' else action end as action,
        count(*) as eligible_count,
        count(case when is_offered then 1 end) as offered_count,
        count(case when outcome = 'consent' then 1 end) as withheld_consent_count,
        count(case when outcome = 'contact_point' then 1 end) as withheld_contact_point_count,
        count(case when outcome = 'contact_cap' then 1 end) as withheld_contact_cap_count,
        count(case when is_taken then 1 end) as taken_count,
        count(case when is_offered and not is_taken and is_over then 1 end) as missed_count,
        count(case when is_offered and not is_taken and not is_over then 1 end) as open_count
    from followed
    group by grouping sets ((offer_date, action), (offer_date))

),

personalisation as (

    select
        *,
        cast(
            case
                when eligible_count > 0 and eligible_count >= $minimum_sample_size
                    then cast(eligible_count - offered_count as decimal(18, 6)) / eligible_count
            end as decimal(9, 6)
        ) as withheld_share,
        cast(
            case
                when
                    open_count = 0
                    and offered_count > 0
                    and offered_count >= $minimum_sample_size
                    then cast(taken_count as decimal(18, 6)) / offered_count
            end as decimal(9, 6)
        ) as taken_share,
        cast(
            case
                when eligible_count > 0 and eligible_count >= $minimum_sample_size
                    then wilson_lower(eligible_count - offered_count, eligible_count, $confidence_z)
            end as decimal(9, 6)
        ) as withheld_share_lower,
        cast(
            case
                when eligible_count > 0 and eligible_count >= $minimum_sample_size
                    then wilson_upper(eligible_count - offered_count, eligible_count, $confidence_z)
            end as decimal(9, 6)
        ) as withheld_share_upper,
        cast(
            case
                when
                    open_count = 0
                    and offered_count > 0
                    and offered_count >= $minimum_sample_size
                    then wilson_lower(taken_count, offered_count, $confidence_z)
            end as decimal(9, 6)
        ) as taken_share_lower,
        cast(
            case
                when
                    open_count = 0
                    and offered_count > 0
                    and offered_count >= $minimum_sample_size
                    then wilson_upper(taken_count, offered_count, $confidence_z)
            end as decimal(9, 6)
        ) as taken_share_upper,
        days_between(offer_date, $run_date) >= 7 as is_mature
    from totals

)

select * from personalisation
order by offer_date, action
