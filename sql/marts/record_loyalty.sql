-- Grain: one row per loyalty account that ever had an entry.
-- Yesterday's totals and today's entries. Points leave first in, first out.
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

points as (

    select record_id, earned_date, points, earned_points
    from marts.record_points
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

-- What came in so long ago that it expires within 30 days, and what was earned within a year.
points_by_age as (

    select
        record_id,
        sum(
            case
                when days_between(earned_date, $run_date) >= $points_valid_days - 30 then points
                else 0
            end
        ) as old_points,
        sum(
            case when days_between(earned_date, $run_date) < 365 then earned_points else 0 end
        ) as year_points
    from points
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
        cast(
            greatest(
                0,
                coalesce(points_by_age.old_points, 0) - totals.redeemed_points
                - totals.expired_points - totals.removed_points
            ) as bigint
        ) as expiring_points,
        cast(coalesce(points_by_age.year_points, 0) as bigint) as year_points,
        totals.first_entry_date,
        totals.last_entry_date,
        totals.last_redeemed_date
    from totals
    left join points_by_age on totals.record_id = points_by_age.record_id

)

select * from accounts
order by record_id
