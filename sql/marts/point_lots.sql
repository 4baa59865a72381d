-- Grain: one row per lot of points that is not used up: an entry that added to a balance.
-- First in, first out: what is redeemed, expires or is taken away uses the oldest lots. Yesterday's
-- lots and today's entries; history is not read again.
with

entries as (

    select *
    from staging.loyalty_entries
    where dt = $run_date and record_id is not null and points <> 0

),

known as (

    select *
    from marts.point_lots
    where dt = $run_date - interval '1 day'

),

used_today as (

    select record_id, -sum(points) as used_points
    from entries
    where points < 0
    group by record_id

),

lots as (

    select entry_id, record_id, entry_kind, entry_date, entered_at, points, open_points
    from known
    union all
    select entry_id, record_id, entry_kind, entry_date, entered_at, points, points as open_points
    from entries
    where points > 0

),

ranked as (

    select
        lots.*,
        sum(lots.open_points) over (
            partition by lots.record_id
            order by lots.entry_date, lots.entered_at nulls first, lots.entry_id
            rows between unbounded preceding and current row
        ) as open_points_so_far,
        coalesce(used_today.used_points, 0) as used_points
    from lots
    left join used_today on lots.record_id = used_today.record_id

),

left_over as (

    select
        entry_id,
        record_id,
        entry_kind,
        entry_date,
        entered_at,
        points,
        -- Of what has accrued up to and with this lot, the first `used_points` are gone.
        cast(least(open_points, open_points_so_far - used_points) as bigint) as open_points
    from ranked
    where open_points_so_far > used_points

)

select * from left_over
order by entry_id
