-- Grain: one row per day and type of account; `all` is the total.
-- Over the entries that became known on dt. Null share: too few entries took points away.
with

entries as (

    select
        *,
        case when customer_id is null then 'anonymous' else 'member' end as customer_type
    from marts.loyalty_entries
    where dt = $run_date

),

totals as (

    select
        entry_date,
        case when grouping(customer_type) = 1 then 'all' else customer_type end
            as customer_type,
        count(*) as entry_count,
        count(case when entry_kind in ('redeemed', 'expired') then 1 end) as spending_entry_count,
        sum(case when entry_kind = 'earned' then points else 0 end) as earned_points,
        sum(case when entry_kind = 'redeemed' then -points else 0 end) as redeemed_points,
        sum(case when entry_kind = 'expired' then -points else 0 end) as expired_points,
        sum(case when entry_kind = 'adjusted' then points else 0 end) as adjusted_points,
        sum(points) as net_points
    from entries
    group by grouping sets ((entry_date, customer_type), (entry_date))

),

loyalty as (

    select
        *,
        cast(
            case
                when
                    redeemed_points + expired_points > 0
                    and spending_entry_count >= $minimum_sample_size
                    then cast(redeemed_points as decimal(18, 6))
                        / (redeemed_points + expired_points)
            end as decimal(9, 6)
        ) as redeemed_share,
        cast(
            case
                when
                    redeemed_points + expired_points > 0
                    and spending_entry_count >= $minimum_sample_size
                    then cast(expired_points as decimal(18, 6))
                        / (redeemed_points + expired_points)
            end as decimal(9, 6)
        ) as breakage_share
    from totals

)

select * from loyalty
order by entry_date, customer_type
