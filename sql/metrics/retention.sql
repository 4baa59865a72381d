-- Grain: one row per month of the first purchase.
-- Null share = too small a cohort; zero = nobody came back.
with

customers as (

    select
        date_trunc('month', first_order_date) as cohort_month,
        first_order_date,
        last_order_date,
        order_count,
        last_order_date >= date_trunc('month', $run_date) as is_active
    from marts.customers
    where dt = $run_date and first_order_date <= $run_date

),

totals as (

    select
        cast(cohort_month as date) as cohort_month,
        count(*) as cohort_count,
        count(case when is_active then 1 end) as active_count,
        count(case when is_active and last_order_date > first_order_date then 1 end)
            as returning_count,
        count(case when order_count >= 2 then 1 end) as repeat_count
    from customers
    group by cohort_month

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
        returning_count,
        repeat_count,
        cast(
            case
                when cohort_count > 0 and cohort_count >= $minimum_sample_size
                    then cast(active_count as decimal(18, 6)) / cohort_count
            end as decimal(9, 6)
        ) as active_share,
        cast(
            case
                when cohort_count > 0 and cohort_count >= $minimum_sample_size
                    then wilson_lower(active_count, cohort_count, $confidence_z)
            end as decimal(9, 6)
        ) as active_share_lower,
        cast(
            case
                when cohort_count > 0 and cohort_count >= $minimum_sample_size
                    then wilson_upper(active_count, cohort_count, $confidence_z)
            end as decimal(9, 6)
        ) as active_share_upper,
        cast(
            case
                when cohort_count > 0 and cohort_count >= $minimum_sample_size
                    then cast(repeat_count as decimal(18, 6)) / cohort_count
            end as decimal(9, 6)
        ) as repeat_share,
        cast(
            case
                when cohort_count > 0 and cohort_count >= $minimum_sample_size
                    then wilson_lower(repeat_count, cohort_count, $confidence_z)
            end as decimal(9, 6)
        ) as repeat_share_lower,
        cast(
            case
                when cohort_count > 0 and cohort_count >= $minimum_sample_size
                    then wilson_upper(repeat_count, cohort_count, $confidence_z)
            end as decimal(9, 6)
        ) as repeat_share_upper,
        date_part('month', $run_date + interval '1 day') <> date_part('month', $run_date)
            as is_mature
    from totals

)

select * from retention
order by cohort_month, age_months
