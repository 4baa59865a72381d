-- Grain: one row per account of a loyalty programme.
-- Yesterday's totals and today's entries; history is not read again. A negative balance: more was
-- taken than was ever told as added.
with

entries as (

    select
        *,
        date_part('year', entry_date) as entry_year
    from staging.loyalty_entries
    where dt = $run_date and record_id is not null

),

known as (

    select *
    from marts.record_points
    where dt = $run_date - interval '1 day'

),

-- A record whose key is the number of the membership is the account's own.
memberships as (

    select record_id, source
    from staging.contacts
    where dt = $run_date and record_id = source || ':' || loyalty_id

),

programmes as (

    select source
    from memberships
    group by source

),

lots as (

    select dt, record_id, open_points
    from marts.point_lots
    where dt <= $run_date and dt >= $run_date - interval '1 day'

),

open_today as (

    select
        record_id,
        sum(case when dt = $run_date then open_points else 0 end) as open_points,
        sum(case when dt < $run_date then open_points else 0 end) as opening_lot_points,
        min(case when dt = $run_date then 1 end) as is_open
    from lots
    group by record_id

),

moved_today as (

    select
        record_id,
        min(entry_date) as first_entry_date,
        max(entry_date) as last_entry_date,
        sum(case when entry_kind = 'earned' then points else 0 end) as earned_points,
        sum(case when entry_kind = 'redeemed' then -points else 0 end) as redeemed_points,
        sum(case when entry_kind = 'expired' then -points else 0 end) as expired_points,
        sum(case when entry_kind = 'adjusted' then points else 0 end) as adjusted_points,
        sum(
            case
                when entry_kind = 'earned' and entry_year >= date_part('year', $run_date)
                    then points
                else 0
            end
        ) as earned_this_year_points,
        sum(
            case
                when entry_kind = 'earned' and entry_year = date_part('year', $run_date) - 1
                    then points
                else 0
            end
        ) as earned_last_year_points,
        sum(case when points > 0 then points else 0 end) as added_points,
        sum(case when points < 0 then -points else 0 end) as used_points
    from entries
    group by record_id

),

-- On the first of January this year's points become last year's.
continued as (

    select
        record_id,
        first_entry_date,
        last_entry_date,
        earned_points,
        redeemed_points,
        expired_points,
        adjusted_points,
        case
            when date_part('doy', $run_date) = 1 then 0 else earned_this_year_points
        end as earned_this_year_points,
        case
            when date_part('doy', $run_date) = 1
                then earned_this_year_points
            else earned_last_year_points
        end as earned_last_year_points,
        uncovered_points
    from known

),

combined as (

    select * from continued
    union all
    select
        moved_today.record_id,
        moved_today.first_entry_date,
        moved_today.last_entry_date,
        moved_today.earned_points,
        moved_today.redeemed_points,
        moved_today.expired_points,
        moved_today.adjusted_points,
        moved_today.earned_this_year_points,
        moved_today.earned_last_year_points,
        -- What was used today and no lot had.
        moved_today.used_points
        - (
            coalesce(open_today.opening_lot_points, 0)
            + moved_today.added_points
            - coalesce(open_today.open_points, 0)
        ) as uncovered_points
    from moved_today
    left join open_today on moved_today.record_id = open_today.record_id
    union all
    select
        record_id,
        cast(null as date) as first_entry_date,
        cast(null as date) as last_entry_date,
        0 as earned_points,
        0 as redeemed_points,
        0 as expired_points,
        0 as adjusted_points,
        0 as earned_this_year_points,
        0 as earned_last_year_points,
        0 as uncovered_points
    from memberships

),

totals as (

    select
        record_id,
        min(first_entry_date) as first_entry_date,
        max(last_entry_date) as last_entry_date,
        cast(sum(earned_points) as bigint) as earned_points,
        cast(sum(redeemed_points) as bigint) as redeemed_points,
        cast(sum(expired_points) as bigint) as expired_points,
        cast(sum(adjusted_points) as bigint) as adjusted_points,
        cast(sum(earned_this_year_points) as bigint) as earned_this_year_points,
        cast(sum(earned_last_year_points) as bigint) as earned_last_year_points,
        cast(sum(uncovered_points) as bigint) as uncovered_points
    from combined
    group by record_id

),

accounts as (

    select
        totals.record_id,
        memberships.record_id is not null or programmes.source is null as is_member,
        totals.first_entry_date,
        totals.last_entry_date,
        totals.earned_points,
        totals.redeemed_points,
        totals.expired_points,
        totals.adjusted_points,
        totals.earned_points - totals.redeemed_points - totals.expired_points
        + totals.adjusted_points as balance_points,
        cast(coalesce(open_today.open_points, 0) as bigint) as open_lot_points,
        totals.uncovered_points,
        totals.earned_this_year_points,
        totals.earned_last_year_points,
        case
            when
                greatest(totals.earned_this_year_points, totals.earned_last_year_points)
                >= $loyalty_gold_points
                then 'gold'
            when
                greatest(totals.earned_this_year_points, totals.earned_last_year_points)
                >= $loyalty_silver_points
                then 'silver'
            else 'base'
        end as tier
    from totals
    left join open_today on totals.record_id = open_today.record_id
    left join memberships on totals.record_id = memberships.record_id
    left join programmes on split_part(totals.record_id, ':', 1) = programmes.source

)

select * from accounts
order by record_id
