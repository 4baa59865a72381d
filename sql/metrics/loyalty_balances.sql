-- Grain: one row per tier; `all` is the total.
-- The ledger: opening balances, what moved, closing balances. Customers by today's identities on
-- both days, so that a merge moves no points.
with

accounts as (

    select *
    from marts.record_points
    where dt <= $run_date and dt >= $run_date - interval '1 day'

),

mapped as (

    select record_id, customer_id
    from identity.identity_map
    where dt = $run_date

),

ranked as (

    select
        mapped.customer_id,
        accounts.dt = $run_date as is_now,
        accounts.is_member,
        accounts.earned_points,
        accounts.redeemed_points,
        accounts.expired_points,
        accounts.adjusted_points,
        accounts.balance_points,
        accounts.open_lot_points,
        accounts.uncovered_points,
        case accounts.tier when 'gold' then 3 when 'silver' then 2 else 1 end as tier_rank
    from accounts
    inner join mapped on accounts.record_id = mapped.record_id

),

members as (

    select
        customer_id,
        max(case when is_now then tier_rank else 0 end) as tier_rank,
        max(case when is_now then 0 else tier_rank end) as tier_rank_before,
        max(case when is_now and is_member then 1 else 0 end) as is_member,
        max(case when not is_now and is_member then 1 else 0 end) as was_member,
        sum(case when is_now then 0 else balance_points end) as opening_points,
        sum(case when is_now then earned_points else -earned_points end) as earned_points,
        sum(case when is_now then redeemed_points else -redeemed_points end) as redeemed_points,
        sum(case when is_now then expired_points else -expired_points end) as expired_points,
        sum(case when is_now then adjusted_points else -adjusted_points end) as adjusted_points,
        sum(case when is_now then balance_points else 0 end) as closing_points,
        sum(case when is_now then open_lot_points else 0 end) as open_lot_points,
        sum(case when is_now then uncovered_points else 0 end) as uncovered_points,
        sum(case when is_now then redeemed_points else 0 end) as redeemed_to_date_points,
        sum(case when is_now then expired_points else 0 end) as expired_to_date_points
    from ranked
    group by customer_id

),

parts as (

    select
        tier_rank,
        is_member as member_count,
        case when is_member > was_member then 1 else 0 end as joined_count,
        case when was_member > is_member then 1 else 0 end as left_count,
        case when is_member + was_member = 2 and tier_rank > tier_rank_before then 1 else 0 end
            as moved_up_count,
        case when is_member + was_member = 2 and tier_rank < tier_rank_before then 1 else 0 end
            as moved_down_count,
        case when tier_rank = tier_rank_before then opening_points else 0 end
            as opening_points,
        earned_points,
        redeemed_points,
        expired_points,
        adjusted_points,
        case when tier_rank <> tier_rank_before then opening_points else 0 end
            as transferred_points,
        closing_points,
        open_lot_points,
        uncovered_points,
        redeemed_to_date_points,
        expired_to_date_points
    from members
    union all
    -- What left the tier of the day before.
    select
        tier_rank_before as tier_rank,
        0 as member_count,
        0 as joined_count,
        0 as left_count,
        0 as moved_up_count,
        0 as moved_down_count,
        opening_points,
        0 as earned_points,
        0 as redeemed_points,
        0 as expired_points,
        0 as adjusted_points,
        -opening_points as transferred_points,
        0 as closing_points,
        0 as open_lot_points,
        0 as uncovered_points,
        0 as redeemed_to_date_points,
        0 as expired_to_date_points
    from members
    where tier_rank <> tier_rank_before and tier_rank_before > 0

),

totals as (

    select
        case
            when grouping(tier_rank) = 1 then 'all'
            when tier_rank = 3 then 'gold'
            when tier_rank = 2 then 'silver'
            else 'base'
        end as tier,
        cast(sum(member_count) as bigint) as member_count,
        cast(sum(joined_count) as bigint) as joined_count,
        cast(sum(left_count) as bigint) as left_count,
        cast(sum(moved_up_count) as bigint) as moved_up_count,
        cast(sum(moved_down_count) as bigint) as moved_down_count,
        cast(sum(opening_points) as bigint) as opening_points,
        cast(sum(earned_points) as bigint) as earned_points,
        cast(sum(redeemed_points) as bigint) as redeemed_points,
        cast(sum(expired_points) as bigint) as expired_points,
        cast(sum(adjusted_points) as bigint) as adjusted_points,
        cast(sum(transferred_points) as bigint) as transferred_points,
        cast(sum(closing_points) as bigint) as closing_points,
        cast(sum(open_lot_points) as bigint) as open_lot_points,
        cast(sum(uncovered_points) as bigint) as uncovered_points,
        cast(sum(redeemed_to_date_points) as bigint) as redeemed_to_date_points,
        cast(sum(expired_to_date_points) as bigint) as expired_to_date_points
    from parts
    group by grouping sets ((tier_rank), ())

),

balances as (

    select
        *,
        cast(
            open_lot_points * cast($point_value as decimal(18, 6))
            as decimal(18, 4)
        ) as liability_amount,
        cast(
            case
                when
                    redeemed_to_date_points + expired_to_date_points > 0
                    then cast(expired_to_date_points as decimal(18, 6))
                        / (redeemed_to_date_points + expired_to_date_points)
            end as decimal(9, 6)
        ) as breakage_share,
        cast(
            case
                when
                    redeemed_to_date_points + expired_to_date_points > 0
                    then open_lot_points * cast($point_value as decimal(18, 6)) * redeemed_to_date_points
                        / (redeemed_to_date_points + expired_to_date_points)
            end as decimal(18, 4)
        ) as expected_liability_amount
    from totals
    where member_count is not null

)

select * from balances
order by tier
