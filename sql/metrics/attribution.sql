-- Grain: one row per order day, currency, model and channel; `all` is the total of a model.
-- Over the purchases that became known on dt, and what was added to them. Every model credits
-- each purchase in full: what rounding leaves goes to the last touch.
with

purchases as (

    select order_id, customer_id, is_new, currency, order_date, net_amount
    from marts.orders
    where dt = $run_date and order_kind = 'purchase'

),

touched as (

    select
        order_id,
        channel,
        days_before,
        place,
        touch_count,
        count(*) over (partition by order_id, channel) as channel_touch_count
    from marts.purchase_touches
    where dt = $run_date

),

effects as (

    select channel, removal_effect
    from metrics.attribution_effects
    where dt = $run_date and channel <> 'all'

),

models as (

    select column1 as model
    from (
        values ('first_touch'), ('last_touch'), ('linear'), ('position'), ('time_decay'),
            ('markov')
    ) as declared

),

-- A channel's effect counts once in a path, shared by its touches. Where no channel of the path
-- has any, all touches count alike.
effective as (

    select
        touched.*,
        case
            when
                coalesce(
                    sum(effects.removal_effect) over (partition by touched.order_id), 0
                ) = 0
                then cast(1 as decimal(18, 12))
            else
                cast(
                    cast(coalesce(effects.removal_effect, 0) as decimal(18, 12))
                    / touched.channel_touch_count
                    as decimal(18, 12)
                )
        end as effect_weight
    from touched
    left join effects on touched.channel = effects.channel

),

weighted as (

    select
        effective.order_id,
        effective.channel,
        effective.place,
        effective.touch_count,
        models.model,
        cast(
            case
                when models.model = 'first_touch'
                    then case when effective.place = 1 then 1 else 0 end
                when models.model = 'last_touch'
                    then case when effective.place = effective.touch_count then 1 else 0 end
                when models.model = 'linear' or effective.touch_count = 1 then 1
                when models.model = 'position' and effective.touch_count = 2 then 0.5
                when models.model = 'position' and effective.place in (1, effective.touch_count)
                    then 0.4
                when models.model = 'position'
                    then 0.2 / (effective.touch_count - 2)
                when models.model = 'markov' then effective.effect_weight
                else
                    power(
                        cast(2 as double),
                        -cast(effective.days_before as double) / $attribution_half_life_days
                    )
            end as decimal(18, 12)
        ) as weight
    from models
    cross join effective

),

shared as (

    select
        *,
        cast(
            weight / sum(weight) over (partition by order_id, model) as decimal(12, 9)
        ) as credit_share
    from weighted

),

rounded as (

    select
        shared.order_id,
        shared.model,
        shared.channel,
        shared.place,
        shared.touch_count,
        purchases.order_date,
        purchases.currency,
        purchases.net_amount,
        case when purchases.is_new then 1 else 0 end as order_count,
        cast(purchases.net_amount * shared.credit_share as decimal(18, 4)) as credited_amount,
        cast(
            case when purchases.is_new then shared.credit_share else 0 end as decimal(18, 6)
        ) as credited_order_count
    from shared
    inner join purchases on shared.order_id = purchases.order_id

),

-- The last touch has what the others leave.
credits as (

    select
        order_date,
        currency,
        model,
        channel,
        case
            when place = touch_count
                then net_amount
                    - sum(credited_amount) over (partition by order_id, model)
                    + credited_amount
            else credited_amount
        end as credited_amount,
        case
            when place = touch_count
                then order_count
                    - sum(credited_order_count) over (partition by order_id, model)
                    + credited_order_count
            else credited_order_count
        end as credited_order_count
    from rounded

),

untouched_purchases as (

    select purchases.*
    from purchases
    left anti join touched on purchases.order_id = touched.order_id

),

untouched as (

    select
        untouched_purchases.order_date,
        untouched_purchases.currency,
        models.model,
        case when untouched_purchases.customer_id is null then 'unknown' else 'direct' end
            as channel,
        untouched_purchases.net_amount as credited_amount,
        case when untouched_purchases.is_new then 1 else 0 end as credited_order_count
    from models
    cross join untouched_purchases

),

-- Straight from the purchases: the check that the credits add up to it is no tautology.
all_purchases as (

    select
        purchases.order_date,
        purchases.currency,
        models.model,
        'all' as channel,
        purchases.net_amount as credited_amount,
        case when purchases.is_new then 1 else 0 end as credited_order_count
    from models
    cross join purchases

),

parts as (

    select
        order_date, currency, model, channel, credited_amount, credited_order_count
    from credits
    where credited_amount <> 0 or credited_order_count <> 0
    union all
    select * from untouched
    union all
    select * from all_purchases

),

totals as (

    select
        order_date,
        currency,
        model,
        channel,
        cast(sum(credited_order_count) as decimal(18, 6)) as credited_order_count,
        cast(sum(credited_amount) as decimal(18, 4)) as credited_amount
    from parts
    group by order_date, currency, model, channel

),

attribution as (

    select
        *,
        cast(
            case
                when credited_order_count > 0 and credited_order_count >= $minimum_sample_size
                    then credited_amount / credited_order_count
            end as decimal(18, 4)
        ) as average_credited_amount
    from totals

)

select * from attribution
order by order_date, currency, model, channel
