-- Grain: one row per segment and reason; `all` is the total. The day is dt.
-- Zero = nobody; null share = too few at risk. No rows: nobody was known the day before.
with

customers_before as (

    select
        customer_id,
        segment,
        last_order_date
        >= cast(cast($run_date as int) - 1 - $churned_after_days as date) as was_active,
        case
            when last_complaint_date >= last_order_date then 'complaint'
            when nps_group = 'detractor' then 'detractor'
            when last_csat_share < 0.5 and last_csat_date >= last_order_date then 'bad_rating'
            when last_return_date >= last_order_date then 'return'
            else 'none'
        end as reason
    from marts.customers
    where dt = $run_date - interval '1 day' and last_order_date is not null

),

customers_now as (

    select
        customer_id,
        last_order_date >= cast(cast($run_date as int) - $churned_after_days as date)
            as is_active
    from marts.customers
    where dt = $run_date and last_order_date is not null

),

-- Who was merged into another customer is neither at risk nor lost.
compared as (

    select
        customers_before.segment,
        customers_before.reason,
        customers_before.was_active,
        customers_now.is_active
    from customers_before
    inner join customers_now on customers_before.customer_id = customers_now.customer_id

),

totals as (

    select
        $run_date as risk_date,
        case when grouping(segment) = 1 then 'all' else segment end as segment,
        case when grouping(reason) = 1 then 'all' else reason end as reason,
        cast(sum(case when was_active then 1 else 0 end) as bigint) as at_risk_count,
        cast(sum(case when was_active and not is_active then 1 else 0 end) as bigint)
            as lost_count,
        cast(sum(case when not was_active and is_active then 1 else 0 end) as bigint)
            as won_back_count
    from compared
    group by grouping sets ((segment, reason), (segment), (reason), ())

),

churn as (

    select
        risk_date,
        segment,
        reason,
        at_risk_count,
        lost_count,
        won_back_count,
        cast(
            case
                when at_risk_count > 0 and at_risk_count >= $minimum_sample_size
                    then cast(lost_count as decimal(18, 9)) / at_risk_count
            end as decimal(12, 9)
        ) as lost_share,
        cast(
            case
                when at_risk_count > 0 and at_risk_count >= $minimum_sample_size
                    then wilson_lower(lost_count, at_risk_count, $confidence_z)
            end as decimal(12, 9)
        ) as lost_share_lower,
        cast(
            case
                when at_risk_count > 0 and at_risk_count >= $minimum_sample_size
                    then wilson_upper(lost_count, at_risk_count, $confidence_z)
            end as decimal(12, 9)
        ) as lost_share_upper
    from totals
    where at_risk_count > 0 or won_back_count > 0

)

select * from churn
order by risk_date, segment, reason
