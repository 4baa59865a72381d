-- Grain: one row per scheme, segment 28 days ago and segment now; `all` is a total.
-- The rows from `all` are the segments' sizes today, those to `all` of 28 days ago.
with

customers_now as (

    select
        customer_id,
        segment as rfm,
        life_cycle_stage as life_cycle,
        case
            when monetary_score = 5 then 'top'
            when monetary_score >= 3 then 'middle'
            when monetary_score >= 1 then 'low'
            else 'none'
        end as value_tier,
        net_amount
    from marts.customers
    where dt = $run_date

),

customers_before as (

    select
        customer_id,
        segment as rfm,
        life_cycle_stage as life_cycle,
        case
            when monetary_score = 5 then 'top'
            when monetary_score >= 3 then 'middle'
            when monetary_score >= 1 then 'low'
            else 'none'
        end as value_tier,
        net_amount
    from marts.customers
    where dt = $run_date - interval '28 days'

),

history as (

    select count(*) > 0 as is_mature
    from customers_before

),

compared as (

    select
        coalesce(customers_before.rfm, 'absent') as from_rfm,
        coalesce(customers_now.rfm, 'absent') as to_rfm,
        coalesce(customers_before.life_cycle, 'absent') as from_life_cycle,
        coalesce(customers_now.life_cycle, 'absent') as to_life_cycle,
        coalesce(customers_before.value_tier, 'absent') as from_value_tier,
        coalesce(customers_now.value_tier, 'absent') as to_value_tier,
        coalesce(customers_now.net_amount, 0) as net_amount
    from customers_now
    full outer join customers_before
        on customers_now.customer_id = customers_before.customer_id

),

moves as (

    select
        'rfm' as scheme,
        from_rfm as from_segment,
        to_rfm as to_segment,
        count(*) as customer_count,
        sum(net_amount) as net_amount
    from compared
    group by from_rfm, to_rfm
    union all
    select
        'life_cycle' as scheme,
        from_life_cycle as from_segment,
        to_life_cycle as to_segment,
        count(*) as customer_count,
        sum(net_amount) as net_amount
    from compared
    group by from_life_cycle, to_life_cycle
    union all
    select
        'value_tier' as scheme,
        from_value_tier as from_segment,
        to_value_tier as to_segment,
        count(*) as customer_count,
        sum(net_amount) as net_amount
    from compared
    group by from_value_tier, to_value_tier

),

totals as (

    select
        scheme,
        case when grouping(from_segment) = 1 then 'all' else from_segment end as from_segment,
        case when grouping(to_segment) = 1 then 'all' else to_segment end as to_segment,
        cast(sum(customer_count) as bigint) as customer_count,
        cast(sum(net_amount) as decimal(18, 4)) as net_amount
    from moves
    group by grouping sets (
        (scheme, from_segment, to_segment),
        (scheme, from_segment),
        (scheme, to_segment),
        (scheme)
    )

),

sizes as (

    select scheme, from_segment, customer_count as from_count
    from totals
    where to_segment = 'all'

),

segments as (

    select
        totals.scheme,
        totals.from_segment,
        totals.to_segment,
        totals.customer_count,
        totals.net_amount,
        cast(
            case
                when sizes.from_count >= $minimum_sample_size
                    then cast(totals.customer_count as decimal(18, 6)) / sizes.from_count
            end as decimal(9, 6)
        ) as from_share,
        cast(
            case
                when customer_count > 0 and customer_count >= $minimum_sample_size
                    then net_amount / customer_count
            end as decimal(18, 4)
        ) as mean_net_amount,
        cast(
            case
                when sizes.from_count >= $minimum_sample_size
                    then wilson_lower(totals.customer_count, sizes.from_count, $confidence_z)
            end as decimal(9, 6)
        ) as from_share_lower,
        cast(
            case
                when sizes.from_count >= $minimum_sample_size
                    then wilson_upper(totals.customer_count, sizes.from_count, $confidence_z)
            end as decimal(9, 6)
        ) as from_share_upper,
        history.is_mature
    from totals
    inner join sizes
        on totals.scheme = sizes.scheme and totals.from_segment = sizes.from_segment
    cross join history

)

select * from segments
order by scheme, from_segment, to_segment
