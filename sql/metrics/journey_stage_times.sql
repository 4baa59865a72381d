-- Grain: one row per stage and channel; `all` is the total over channels.
-- Over the customers who entered the stage in the 365 days up to dt, as of dt; who has not left for
-- a later stage counts as long as seen. Null: too few, or nobody was seen that long.
with

stages as (

    select
        life_cycle_stage,
        channel,
        days_between(entry_date, coalesce(next_date, $run_date)) as stage_days,
        next_date is not null as is_left
    from marts.customer_stages
    where dt = $run_date and entry_date > $run_date - interval '365 days'

),

history as (

    select min(entry_date) <= $run_date - interval '364 days' as is_mature
    from marts.customer_stages
    where dt = $run_date

),

totals as (

    select
        life_cycle_stage,
        case when grouping(channel) = 1 then 'all' else channel end as channel,
        count(*) as entered_count,
        count(case when is_left then 1 end) as left_count,
        kaplan_meier(stage_days, is_left) as stage_day_counts
    from stages
    group by grouping sets ((life_cycle_stage, channel), (life_cycle_stage))

),

stage_times as (

    select
        totals.life_cycle_stage,
        totals.channel,
        totals.entered_count,
        totals.left_count,
        totals.stage_day_counts,
        case
            when entered_count >= $minimum_sample_size
                then kaplan_meier_median(stage_day_counts)
        end as stage_days_median,
        cast(
            case
                when entered_count >= $minimum_sample_size
                    then kaplan_meier_survival(stage_day_counts, 7)
            end as decimal(9, 6)
        ) as staying_share_7_days,
        cast(
            case
                when entered_count >= $minimum_sample_size
                    then kaplan_meier_survival(stage_day_counts, 28)
            end as decimal(9, 6)
        ) as staying_share_28_days,
        cast(
            case
                when entered_count >= $minimum_sample_size
                    then kaplan_meier_survival(stage_day_counts, 90)
            end as decimal(9, 6)
        ) as staying_share_90_days,
        case
            when entered_count >= $minimum_sample_size
                then kaplan_meier_quantile_lower(stage_day_counts, 0.5, $confidence_z)
        end as stage_days_median_lower,
        case
            when entered_count >= $minimum_sample_size
                then kaplan_meier_quantile_upper(stage_day_counts, 0.5, $confidence_z)
        end as stage_days_median_upper,
        cast(
            case
                when entered_count >= $minimum_sample_size
                    then kaplan_meier_lower(stage_day_counts, 7, $confidence_z)
            end as decimal(9, 6)
        ) as staying_share_7_days_lower,
        cast(
            case
                when entered_count >= $minimum_sample_size
                    then kaplan_meier_upper(stage_day_counts, 7, $confidence_z)
            end as decimal(9, 6)
        ) as staying_share_7_days_upper,
        cast(
            case
                when entered_count >= $minimum_sample_size
                    then kaplan_meier_lower(stage_day_counts, 28, $confidence_z)
            end as decimal(9, 6)
        ) as staying_share_28_days_lower,
        cast(
            case
                when entered_count >= $minimum_sample_size
                    then kaplan_meier_upper(stage_day_counts, 28, $confidence_z)
            end as decimal(9, 6)
        ) as staying_share_28_days_upper,
        cast(
            case
                when entered_count >= $minimum_sample_size
                    then kaplan_meier_lower(stage_day_counts, 90, $confidence_z)
            end as decimal(9, 6)
        ) as staying_share_90_days_lower,
        cast(
            case
                when entered_count >= $minimum_sample_size
                    then kaplan_meier_upper(stage_day_counts, 90, $confidence_z)
            end as decimal(9, 6)
        ) as staying_share_90_days_upper,
        coalesce(history.is_mature, false) as is_mature
    from totals
    cross join history

)

select * from stage_times
order by life_cycle_stage, channel
