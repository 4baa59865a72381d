-- Grain: one row per month of the first purchase.
-- Null share = too small a cohort; zero = nobody came back.
with

customers as (

    select
        date_trunc('month', first_order_date) as cohort_month,
        last_order_date,
        order_count
    from marts.customers
    where dt = $run_date and first_order_date <= $run_date

),

totals as (

    select
        cast(cohort_month as date) as cohort_month,
        count(*) as cohort_count,
        count(case when last_order_date >= date_trunc('month', $run_date) then 1 end)
            as active_count,
        count(case when order_count >= 2 then 1 end) as repeat_count
    from customers
    group by cohort_month

),

judged as (

    select
        *,
        cohort_count >= $minimum_sample_size as is_enough
    from totals

),

retention as (

    select
        cohort_month,
        cast(
            (date_part('year', $run_date) - date_part('year', cohort_month)) * 12
            + date_part('month', $run_date) - date_part('month', cohort_month)
            as bigint
        ) as age_months,
        cohort_count,
        active_count,
        repeat_count,
        case
            when is_enough
                then cast(
                    cast(active_count as decimal(18, 6)) / cohort_count as decimal(9, 6)
                )
        end as active_share,
        case
            when is_enough
                then cast(wilson_lower(active_count, cohort_count, $confidence_z) as decimal(9, 6))
        end as active_share_lower,
        case
            when is_enough
                then cast(wilson_upper(active_count, cohort_count, $confidence_z) as decimal(9, 6))
        end as active_share_upper,
        case
            when is_enough
                then cast(
                    cast(repeat_count as decimal(18, 6)) / cohort_count as decimal(9, 6)
                )
        end as repeat_share,
        case
            when is_enough
                then cast(wilson_lower(repeat_count, cohort_count, $confidence_z) as decimal(9, 6))
        end as repeat_share_lower,
        case
            when is_enough
                then cast(wilson_upper(repeat_count, cohort_count, $confidence_z) as decimal(9, 6))
        end as repeat_share_upper,
        date_part('month', $run_date + interval '1 day') <> date_part('month', $run_date)
            as is_mature
    from judged

)

select * from retention
order by cohort_month
