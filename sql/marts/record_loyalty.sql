-- Grain: one row per loyalty account that ever had an entry.
-- Yesterday's totals and today's entries; what is left of which points is in point_lots.
with

entries as (

    select *
    from staging.loyalty_entries
    where dt = $run_date and record_id is not null

),

known as (

    select *
    from marts.record_loyalty
    where dt = $run_date - interval '1 day'

),

earned_by_day as (

    select record_id, earned_points
    from marts.record_points
    where dt = $run_date

),

lots as (

    select record_id, entry_date, open_points
    from marts.point_lots
    where dt = $run_date

),

combined as (

    select
        record_id, source, entry_count, earned_points, redeemed_points, expired_points,
        added_points, removed_points, first_entry_date, last_entry_date, last_redeemed_date
    from known
    union all
    select
        record_id,
        source,
        1 as entry_count,
        case when entry_kind = 'earned' then points else 0 end as earned_points,
        case when entry_kind = 'redeemed' then -points else 0 end as redeemed_points,
        case when entry_kind = 'expired' then -points else 0 end as expired_points,
        case when entry_kind = 'adjusted' and points > 0 then points else 0 end as added_points,
        case when entry_kind = 'adjusted' and points < 0 then -points else 0 end
            as removed_points,
        entry_date as first_entry_date,
        entry_date as last_entry_date,
        case when entry_kind = 'redeemed' then entry_date end as last_redeemed_date
    from entries

),

totals as (

    select
        record_id,
        min(source) as source,
        cast(sum(entry_count) as bigint) as entry_count,
        cast(sum(earned_points) as bigint) as earned_points,
        cast(sum(redeemed_points) as bigint) as redeemed_points,
        cast(sum(expired_points) as bigint) as expired_points,
        cast(sum(added_points) as bigint) as added_points,
        cast(sum(removed_points) as bigint) as removed_points,
        min(first_entry_date) as first_entry_date,
        max(last_entry_date) as last_entry_date,
        max(last_redeemed_date) as last_redeemed_date
    from combined
    group by record_id

),

expiring as (

    select record_id, sum(open_points) as expiring_points
    from lots
    where days_between(entry_date, $run_date) >= $points_valid_days - 30
    group by record_id

),

years as (

    select record_id, sum(earned_points) as year_points
    from earned_by_day
    group by record_id

),

accounts as (

    select
        totals.record_id,
        totals.source,
        totals.entry_count,
        totals.earned_points,
        totals.redeemed_points,
        totals.expired_points,
        totals.added_points,
        totals.removed_points,
        totals.earned_points + totals.added_points - totals.redeemed_points
        - totals.expired_points - totals.removed_points as points_balance,
        cast(coalesce(expiring.expiring_points, 0) as bigint) as expiring_points,
        cast(coalesce(years.year_points, 0) as bigint) as year_points,
        totals.first_entry_date,
        totals.last_entry_date,
        totals.last_redeemed_date
    from totals
    left join expiring on totals.record_id = expiring.record_id
    left join years on totals.record_id = years.record_id

)

select * from accounts
order by record_id
