-- Grain: one row per horizon and cohort.
-- Null share = too few customers; zero = nobody bought again.
with

horizons as (

    select 30 as horizon_days
    union all
    select 90 as horizon_days

),

orders as (

    select record_id, order_date
    from marts.orders
    where
        dt > $run_date - interval '118 days'
        and dt <= $run_date
        and order_kind = 'purchase'

),

mapped as (

    select record_id, customer_id
    from identity.identity_map
    where dt = $run_date

),

complaints as (

    select customer_id, case_date
    from marts.cases
    where
        dt = $run_date
        and is_complaint
        and customer_id is not null
        and case_date > $run_date - interval '118 days'
        and case_date <= $run_date

),

purchases as (

    select mapped.customer_id, orders.order_date
    from orders
    inner join mapped on orders.record_id = mapped.record_id
    where orders.order_date <= $run_date
    group by mapped.customer_id, orders.order_date

),

-- The 28 days that lie a whole horizon back.
complained as (

    select
        horizons.horizon_days,
        'complained' as cohort,
        complaints.customer_id,
        min(complaints.case_date) as started_date
    from complaints
    inner join horizons
        on
            days_between(complaints.case_date, $run_date) >= horizons.horizon_days
            and days_between(complaints.case_date, $run_date) < horizons.horizon_days + 28
    group by horizons.horizon_days, complaints.customer_id

),

-- Who has complained since the 28 days began is not among those who did not.
complaining as (

    select
        horizons.horizon_days,
        complaints.customer_id
    from complaints
    inner join horizons
        on days_between(complaints.case_date, $run_date) < horizons.horizon_days + 28
    group by horizons.horizon_days, complaints.customer_id

),

bought as (

    select
        horizons.horizon_days,
        purchases.customer_id,
        max(purchases.order_date) as started_date
    from purchases
    inner join horizons
        on
            days_between(purchases.order_date, $run_date) >= horizons.horizon_days
            and days_between(purchases.order_date, $run_date) < horizons.horizon_days + 28
    group by horizons.horizon_days, purchases.customer_id

),

not_complained as (

    select
        bought.horizon_days,
        'not_complained' as cohort,
        bought.customer_id,
        bought.started_date
    from bought
    left anti join complaining
        on
            bought.horizon_days = complaining.horizon_days
            and bought.customer_id = complaining.customer_id

),

cohorts as (

    select * from complained
    union all
    select * from not_complained

),

followed as (

    select
        cohorts.horizon_days,
        cohorts.cohort,
        cohorts.customer_id,
        max(
            case
                when
                    purchases.order_date > cohorts.started_date
                    and days_between(cohorts.started_date, purchases.order_date)
                    <= cohorts.horizon_days
                    then 1
                else 0
            end
        ) as bought_again
    from cohorts
    left join purchases on cohorts.customer_id = purchases.customer_id
    group by cohorts.horizon_days, cohorts.cohort, cohorts.customer_id

),

counted as (

    select
        horizon_days,
        cohort,
        count(*) as customer_count,
        sum(bought_again) as retained_count
    from followed
    group by horizon_days, cohort

),

totals as (

    select
        counted.*,
        days_between($first_input_date, $run_date) >= counted.horizon_days + 27 as is_mature
    from counted

),

complaint_retention as (

    select
        horizon_days,
        cohort,
        customer_count,
        retained_count,
        cast(
            case
                when customer_count > 0 and customer_count >= $minimum_sample_size
                    then cast(retained_count as decimal(18, 6)) / customer_count
            end
            as decimal(9, 6)
        ) as retained_share,
        cast(
            case
                when customer_count > 0 and customer_count >= $minimum_sample_size
                    then wilson_lower(retained_count, customer_count, $confidence_z)
            end
            as decimal(9, 6)
        ) as retained_share_lower,
        cast(
            case
                when customer_count > 0 and customer_count >= $minimum_sample_size
                    then wilson_upper(retained_count, customer_count, $confidence_z)
            end
            as decimal(9, 6)
        ) as retained_share_upper,
        is_mature
    from totals

)

select * from complaint_retention
order by horizon_days, cohort
