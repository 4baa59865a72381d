-- Grain: one row per tier; `all` is the total.
-- The ledger: opening balances, what moved, closing balances. Customers by today's identities and
-- tiers on both days, so that neither a merge nor a move moves points.
with

accounts as (

    select *
    from marts.record_loyalty
    where dt <= $run_date and dt >= $run_date - interval '1 day'

),

lots as (

    select record_id, entry_date, open_points
    from marts.point_lots
    where dt = $run_date

),

customers as (

    select
        customer_id,
        case
            when not is_member then 0
            when loyalty_tier = 'gold' then 3
            when loyalty_tier = 'silver' then 2
            else 1
        end as tier_rank
    from marts.customers
    where dt = $run_date

),

customers_before as (

    select
        customer_id,
        case
            when not is_member then 0
            when loyalty_tier = 'gold' then 3
            when loyalty_tier = 'silver' then 2
            else 1
        end as tier_rank
    from marts.customers
    where dt = $run_date - interval '1 day'

),

mapped as (

    select record_id, customer_id
    from identity.identity_map
    where dt = $run_date

),

balances as (

    select
        mapped.customer_id,
        sum(case when accounts.dt < $run_date then accounts.points_balance else 0 end)
            as opening_points,
        sum(case when accounts.dt = $run_date then 1 else -1 end * accounts.earned_points)
            as earned_points,
        sum(case when accounts.dt = $run_date then 1 else -1 end * accounts.redeemed_points)
            as redeemed_points,
        sum(case when accounts.dt = $run_date then 1 else -1 end * accounts.expired_points)
            as expired_points,
        sum(
            case when accounts.dt = $run_date then 1 else -1 end
            * (accounts.added_points - accounts.removed_points)
        ) as adjusted_points,
        sum(case when accounts.dt = $run_date then accounts.points_balance else 0 end)
            as closing_points,
        sum(case when accounts.dt = $run_date then accounts.redeemed_points else 0 end)
            as redeemed_to_date_points,
        sum(case when accounts.dt = $run_date then accounts.expired_points else 0 end)
            as expired_to_date_points
    from accounts
    inner join mapped on accounts.record_id = mapped.record_id
    group by mapped.customer_id

),

lots_of_customers as (

    select
        mapped.customer_id,
        sum(lots.open_points) as open_lot_points,
        count(*) as open_lot_count,
        sum(lots.open_points * days_between(lots.entry_date, $run_date)) as open_lot_age_days
    from lots
    inner join mapped on lots.record_id = mapped.record_id
    group by mapped.customer_id

),

members as (

    select
        case customers.tier_rank when 3 then 'gold' when 2 then 'silver' else 'base' end as tier,
        case when coalesce(customers_before.tier_rank, 0) = 0 then 1 else 0 end
            as joined_count,
        case
            when
                customers_before.tier_rank > 0
                and customers.tier_rank > customers_before.tier_rank
                then 1
            else 0
        end as moved_up_count,
        case when customers.tier_rank < customers_before.tier_rank then 1 else 0 end
            as moved_down_count,
        coalesce(balances.opening_points, 0) as opening_points,
        coalesce(balances.earned_points, 0) as earned_points,
        coalesce(balances.redeemed_points, 0) as redeemed_points,
        coalesce(balances.expired_points, 0) as expired_points,
        coalesce(balances.adjusted_points, 0) as adjusted_points,
        coalesce(balances.closing_points, 0) as closing_points,
        coalesce(balances.redeemed_to_date_points, 0) as redeemed_to_date_points,
        coalesce(balances.expired_to_date_points, 0) as expired_to_date_points,
        coalesce(lots_of_customers.open_lot_points, 0) as open_lot_points,
        coalesce(lots_of_customers.open_lot_count, 0) as open_lot_count,
        coalesce(lots_of_customers.open_lot_age_days, 0) as open_lot_age_days
    from customers
    left join customers_before on customers.customer_id = customers_before.customer_id
    left join balances on customers.customer_id = balances.customer_id
    left join lots_of_customers on customers.customer_id = lots_of_customers.customer_id
    where customers.tier_rank > 0

),

totals as (

    select
        case when grouping(tier) = 1 then 'all' else tier end as tier,
        count(*) as member_count,
        cast(sum(joined_count) as bigint) as joined_count,
        cast(sum(moved_up_count) as bigint) as moved_up_count,
        cast(sum(moved_down_count) as bigint) as moved_down_count,
        cast(sum(opening_points) as bigint) as opening_points,
        cast(sum(earned_points) as bigint) as earned_points,
        cast(sum(redeemed_points) as bigint) as redeemed_points,
        cast(sum(expired_points) as bigint) as expired_points,
        cast(sum(adjusted_points) as bigint) as adjusted_points,
        cast(sum(closing_points) as bigint) as closing_points,
        cast(sum(redeemed_to_date_points) as bigint) as redeemed_to_date_points,
        cast(sum(expired_to_date_points) as bigint) as expired_to_date_points,
        cast(sum(open_lot_points) as bigint) as open_lot_points,
        cast(sum(open_lot_count) as bigint) as open_lot_count,
        cast(sum(open_lot_age_days) as bigint) as open_lot_age_days
    from members
    group by grouping sets ((tier), ())

),

loyalty_balances as (

    select
        *,
        cast(open_lot_points - closing_points as bigint) as uncovered_points,
        cast(
            case
                when open_lot_points > 0 and open_lot_count >= $minimum_sample_size
                    then cast(open_lot_age_days as decimal(24, 6)) / open_lot_points
            end as decimal(18, 4)
        ) as mean_age_days,
        cast(
            open_lot_points * cast($point_value as decimal(18, 6))
            as decimal(18, 4)
        ) as liability_amount,
        cast(
            case
                when
                    redeemed_to_date_points + expired_to_date_points > 0
                    and member_count >= $minimum_sample_size
                    then cast(expired_to_date_points as decimal(18, 6))
                        / (redeemed_to_date_points + expired_to_date_points)
            end as decimal(9, 6)
        ) as breakage_share,
        cast(
            case
                when
                    redeemed_to_date_points + expired_to_date_points > 0
                    and member_count >= $minimum_sample_size
                    then open_lot_points * cast($point_value as decimal(18, 6))
                        * redeemed_to_date_points
                        / (redeemed_to_date_points + expired_to_date_points)
            end as decimal(18, 4)
        ) as expected_liability_amount
    from totals
    where member_count > 0

)

select * from loyalty_balances
order by tier
