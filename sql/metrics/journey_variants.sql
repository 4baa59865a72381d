-- Grain: one row per variant: the order in which customers went through steps.
-- The hundred variants of the most customers, of the touchpoints of the 28 days up to dt.
with

touchpoints as (

    select record_id, touchpoint_id, step, touched_at, touch_date
    from marts.touchpoints
    where
        dt <= $run_date
        and dt > $run_date - interval '28 days'
        and touch_date > $run_date - interval '28 days'
        and record_id is not null

),

mapped as (

    select record_id, customer_id
    from identity.identity_map
    where dt = $run_date

),

ordered as (

    select
        mapped.customer_id,
        touchpoints.step,
        lag(touchpoints.step) over customer_line as step_before,
        row_number() over customer_line as place
    from touchpoints
    inner join mapped on touchpoints.record_id = mapped.record_id
    window customer_line as (
        partition by mapped.customer_id
        order by
            touchpoints.touch_date,
            touchpoints.touched_at nulls first,
            touchpoints.touchpoint_id
    )

),

changes as (

    select
        customer_id,
        step,
        row_number() over (partition by customer_id order by place) as change_place
    from ordered
    where step_before is null or step_before <> step

),

variants_of_customers as (

    select
        customer_id,
        string_agg(
            case when change_place <= 12 then step else '…' end, ' > '
            order by change_place
        ) as variant
    from changes
    where change_place <= 13
    group by customer_id

),

touches_of_customers as (

    select
        customer_id,
        count(*) as touch_count,
        max(case when step = 'order_purchase' then 1 else 0 end) as has_bought
    from ordered
    group by customer_id

),

totals as (

    select
        variants_of_customers.variant,
        count(*) as customer_count,
        cast(sum(touches_of_customers.touch_count) as bigint) as touch_count,
        cast(sum(touches_of_customers.has_bought) as bigint) as bought_count
    from variants_of_customers
    inner join touches_of_customers
        on variants_of_customers.customer_id = touches_of_customers.customer_id
    group by variants_of_customers.variant

),

ranked as (

    select
        *,
        row_number() over (order by customer_count desc, variant) as variant_rank,
        sum(customer_count) over () as all_customer_count
    from totals

),

variants as (

    select
        variant,
        cast(variant_rank as bigint) as variant_rank,
        customer_count,
        touch_count,
        bought_count,
        cast(
            case
                when all_customer_count >= $minimum_sample_size
                    then cast(customer_count as decimal(18, 6)) / all_customer_count
            end as decimal(9, 6)
        ) as customer_share,
        days_between($first_input_date, $run_date) >= 27 as is_mature
    from ranked
    where variant_rank <= 100

)

select * from variants
order by variant
