-- Grain: one row per window and segment; `all` is the total over segments.
-- Null rate = too few orders or customers; zero = no complaint.
with

windows as (

    select 7 as window_days
    union all
    select 28 as window_days
    union all
    select 90 as window_days

),

complaints as (

    select
        case_id,
        customer_id,
        coalesce(topic, 'unknown') as topic,
        days_between(case_date, $run_date) as age_days
    from marts.cases
    where
        dt = $run_date
        and is_complaint
        and case_date > $run_date - interval '90 days'
        and case_date <= $run_date

),

orders as (

    select record_id, order_date
    from marts.orders
    where
        dt > $run_date - interval '90 days'
        and dt <= $run_date
        and order_kind = 'purchase'
        and is_new

),

mapped as (

    select record_id, customer_id
    from identity.identity_map
    where dt = $run_date

),

customers as (

    select
        customer_id,
        coalesce(segment, 'unknown') as segment,
        coalesce(last_order_date > $run_date - interval '365 days', false) as is_active
    from marts.customers
    where dt = $run_date

),

placed_complaints as (

    select
        windows.window_days,
        coalesce(customers.segment, 'unknown') as segment,
        complaints.customer_id,
        complaints.topic,
        coalesce(customers.is_active, false) as is_active
    from complaints
    inner join windows on complaints.age_days < windows.window_days
    left join customers on complaints.customer_id = customers.customer_id

),

-- By age first, so that no order is counted through the windows one by one.
orders_by_age as (

    select
        coalesce(customers.segment, 'unknown') as segment,
        days_between(orders.order_date, $run_date) as age_days,
        count(*) as order_count
    from orders
    left join mapped on orders.record_id = mapped.record_id
    left join customers on mapped.customer_id = customers.customer_id
    where orders.order_date <= $run_date
    group by coalesce(customers.segment, 'unknown'), days_between(orders.order_date, $run_date)

),

active_customers as (

    select
        segment,
        count(*) as customer_count
    from customers
    where is_active
    group by segment

),

complaining_customers as (

    select window_days, segment, customer_id
    from placed_complaints
    where customer_id is not null and is_active
    group by window_days, segment, customer_id

),

counted as (

    select
        window_days,
        segment,
        count(*) as complaint_count,
        0 as order_count,
        0 as customer_count,
        0 as complaining_customer_count
    from placed_complaints
    group by window_days, segment
    union all
    select
        windows.window_days,
        orders_by_age.segment,
        0 as complaint_count,
        orders_by_age.order_count,
        0 as customer_count,
        0 as complaining_customer_count
    from windows
    inner join orders_by_age on windows.window_days > orders_by_age.age_days
    union all
    select
        windows.window_days,
        active_customers.segment,
        0 as complaint_count,
        0 as order_count,
        active_customers.customer_count,
        0 as complaining_customer_count
    from windows
    cross join active_customers
    union all
    select
        window_days,
        segment,
        0 as complaint_count,
        0 as order_count,
        0 as customer_count,
        count(*) as complaining_customer_count
    from complaining_customers
    group by window_days, segment

),

totals as (

    select
        window_days,
        case when grouping(segment) = 1 then 'all' else segment end as segment,
        sum(complaint_count) as complaint_count,
        sum(order_count) as order_count,
        sum(customer_count) as customer_count,
        sum(complaining_customer_count) as complaining_customer_count
    from counted
    group by grouping sets ((window_days, segment), (window_days))

),

causes as (

    select
        window_days,
        case when grouping(segment) = 1 then 'all' else segment end as segment,
        topic,
        count(*) as complaint_count
    from placed_complaints
    where topic <> 'unknown'
    group by grouping sets ((window_days, segment, topic), (window_days, topic))

),

ranked_causes as (

    select
        *,
        row_number() over (
            partition by window_days, segment
            order by complaint_count desc, topic
        ) as rank_by_count
    from causes

),

completed as (

    select
        totals.*,
        ranked_causes.topic as main_topic,
        coalesce(ranked_causes.complaint_count, 0) as main_topic_count,
        days_between($first_input_date, $run_date) >= totals.window_days - 1 as is_mature
    from totals
    left join ranked_causes
        on
            totals.window_days = ranked_causes.window_days
            and totals.segment = ranked_causes.segment
            and ranked_causes.rank_by_count = 1

),

complaint_rates as (

    select
        window_days,
        segment,
        complaint_count,
        order_count,
        customer_count,
        complaining_customer_count,
        main_topic_count,
        main_topic,
        cast(
            case
                when order_count > 0 and order_count >= $minimum_sample_size
                    then 1000 * cast(complaint_count as decimal(18, 6)) / order_count
            end
            as decimal(18, 4)
        ) as per_1000_orders,
        cast(
            case when order_count > 0 and order_count >= $minimum_sample_size then 1000 * (case when complaint_count > 0 then complaint_count * power(1.0 - 1.0 / (9 * complaint_count) - $confidence_z / (3 * sqrt(complaint_count)), 3) else 0.0 end) / order_count end
            as decimal(18, 4)
        ) as per_1000_orders_lower,
        cast(
            case
                when order_count > 0 and order_count >= $minimum_sample_size
                    then 1000 * (complaint_count + 1) * power(1.0 - 1.0 / (9 * (complaint_count
                         + 1)) + $confidence_z / (3 * sqrt(complaint_count + 1)), 3) /
                         order_count
            end
            as decimal(18, 4)
        ) as per_1000_orders_upper,
        cast(
            case
                when customer_count > 0 and customer_count >= $minimum_sample_size
                    then 1000 * cast(complaint_count as decimal(18, 6)) / customer_count
            end
            as decimal(18, 4)
        ) as per_1000_customers,
        cast(
            case when customer_count > 0 and customer_count >= $minimum_sample_size then 1000 * (case when complaint_count > 0 then complaint_count * power(1.0 - 1.0 / (9 * complaint_count) - $confidence_z / (3 * sqrt(complaint_count)), 3) else 0.0 end) / customer_count end
            as decimal(18, 4)
        ) as per_1000_customers_lower,
        cast(
            case
                when customer_count > 0 and customer_count >= $minimum_sample_size
                    then 1000 * (complaint_count + 1) * power(1.0 - 1.0 / (9 * (complaint_count
                         + 1)) + $confidence_z / (3 * sqrt(complaint_count + 1)), 3) /
                         customer_count
            end
            as decimal(18, 4)
        ) as per_1000_customers_upper,
        cast(
            case
                when customer_count > 0 and customer_count >= $minimum_sample_size
                    then cast(complaining_customer_count as decimal(18, 6)) / customer_count
            end
            as decimal(9, 6)
        ) as complaining_customer_share,
        cast(
            case
                when customer_count > 0 and customer_count >= $minimum_sample_size
                    then wilson_lower(complaining_customer_count, customer_count, $confidence_z)
            end
            as decimal(9, 6)
        ) as complaining_customer_share_lower,
        cast(
            case
                when customer_count > 0 and customer_count >= $minimum_sample_size
                    then wilson_upper(complaining_customer_count, customer_count, $confidence_z)
            end
            as decimal(9, 6)
        ) as complaining_customer_share_upper,
        is_mature
    from completed

)

select * from complaint_rates
order by window_days, segment
