-- Grain: one row per day of entry, stage and channel; `all` is the total over channels.
-- As of dt, for the days of entry that are still open and the one that closed today: the row of an
-- entry day at dt = that day + the window is final. Null share: still open, or too few.
with

stages as (

    select *
    from marts.customer_stages
    where
        dt = $run_date
        and entry_date >= cast(cast($run_date as int) - $journey_window_days as date)

),

entries as (

    select
        entry_date,
        life_cycle_stage,
        channel,
        is_last,
        days_between(entry_date, next_date) as days_taken,
        coalesce(
            days_between(entry_date, next_date) <= $journey_window_days, false
        ) as is_converted,
        days_between(entry_date, $run_date) >= $journey_window_days as is_over,
        days_between(entry_date, coalesce(next_date, $run_date)) as stage_days,
        next_date is not null as is_left
    from stages

),

totals as (

    select
        entry_date,
        life_cycle_stage,
        case when grouping(channel) = 1 then 'all' else channel end as channel,
        count(*) as entered_count,
        count(case when is_converted then 1 end) as converted_count,
        count(case when not is_last and not is_converted and is_over then 1 end)
            as dropped_count,
        count(case when not is_last and not is_converted and not is_over then 1 end)
            as open_count,
        cast(coalesce(sum(case when is_converted then days_taken end), 0) as bigint)
            as converted_days,
        kaplan_meier(stage_days, is_left) as stage_day_counts
    from entries
    group by grouping sets (
        (entry_date, life_cycle_stage, channel), (entry_date, life_cycle_stage)
    )

),

journey_stages as (

    select
        *,
        cast(
            case
                when
                    open_count = 0
                    and converted_count + dropped_count >= $minimum_sample_size
                    and converted_count + dropped_count > 0
                    then cast(converted_count as decimal(18, 6))
                        / (converted_count + dropped_count)
            end as decimal(9, 6)
        ) as converted_share,
        cast(
            case
                when
                    open_count = 0
                    and converted_count + dropped_count >= $minimum_sample_size
                    then wilson_lower(
                            converted_count, converted_count + dropped_count, $confidence_z
                        )
            end as decimal(9, 6)
        ) as converted_share_lower,
        cast(
            case
                when
                    open_count = 0
                    and converted_count + dropped_count >= $minimum_sample_size
                    then wilson_upper(
                            converted_count, converted_count + dropped_count, $confidence_z
                        )
            end as decimal(9, 6)
        ) as converted_share_upper,
        case
            when entered_count >= $minimum_sample_size
                then kaplan_meier_median(stage_day_counts)
        end as stage_days_median,
        case
            when entered_count >= $minimum_sample_size
                then kaplan_meier_quantile_lower(stage_day_counts, 0.5, $confidence_z)
        end as stage_days_median_lower,
        case
            when entered_count >= $minimum_sample_size
                then kaplan_meier_quantile_upper(stage_day_counts, 0.5, $confidence_z)
        end as stage_days_median_upper,
        days_between(entry_date, $run_date) >= $journey_window_days as is_mature
    from totals

)

select * from journey_stages
order by entry_date, life_cycle_stage, channel
