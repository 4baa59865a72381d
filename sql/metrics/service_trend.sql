-- Grain: one row per window, channel and segment; `all` is a total.
-- Quantiles are of the nearest rank over all cases that could be timed; those still waiting rank
-- last, so a null quantile is one not reached yet, or too few cases.
with

windows as (

    select 7 as window_days
    union all
    select 28 as window_days
    union all
    select 90 as window_days

),

-- Each day of cases as it was restated last: today, or on its twenty-eighth day.
service as (

    select *
    from metrics.service
    where
        dt > $run_date - interval '90 days'
        and dt <= $run_date
        and (dt = $run_date or is_mature)
        and case_date > $run_date - interval '90 days'

),

totals as (

    select
        windows.window_days,
        service.channel,
        service.segment,
        cast(sum(service.case_count) as bigint) as case_count,
        cast(sum(service.complaint_count) as bigint) as complaint_count,
        cast(sum(service.answered_count) as bigint) as answered_count,
        cast(sum(service.unanswered_count) as bigint) as unanswered_count,
        cast(sum(service.resolved_count) as bigint) as resolved_count,
        cast(sum(service.unresolved_count) as bigint) as unresolved_count,
        cast(sum(service.reopened_count) as bigint) as reopened_count,
        cast(sum(service.reopenable_count) as bigint) as reopenable_count,
        cast(sum(service.untimed_reply_count) as bigint) as untimed_reply_count,
        cast(sum(service.untimed_resolution_count) as bigint) as untimed_resolution_count,
        cast(sum(service.impossible_time_count) as bigint) as impossible_time_count,
        sum_lists(service.reply_minutes_counts) as reply_minutes_counts,
        sum_lists(service.resolution_minutes_counts) as resolution_minutes_counts,
        sum_lists(service.reply_business_minutes_counts) as reply_business_minutes_counts,
        sum_lists(service.resolution_business_minutes_counts) as resolution_business_minutes_counts,
        cast(sum(service.reply_business_case_count) as bigint) as reply_business_case_count,
        cast(sum(service.resolution_business_case_count) as bigint)
            as resolution_business_case_count,
        merge_quantiles(service.reply_minute_sketch) as reply_minute_sketch,
        merge_quantiles(service.resolution_minute_sketch) as resolution_minute_sketch,
        merge_quantiles(service.reply_business_minute_sketch) as reply_business_minute_sketch,
        merge_quantiles(service.resolution_business_minute_sketch)
            as resolution_business_minute_sketch
    from service
    inner join windows on days_between(service.case_date, $run_date) < windows.window_days
    group by windows.window_days, service.channel, service.segment

),

-- The cases of which a quantile is, and those of them that wait no longer.
waited as (

    select
        *,
        case_count - untimed_reply_count as reply_case_count,
        answered_count - untimed_reply_count as reply_timed_count,
        case_count - untimed_resolution_count as resolution_case_count,
        resolved_count - untimed_resolution_count as resolution_timed_count,
        reply_business_case_count as business_reply_case_count,
        reply_business_case_count - unanswered_count as business_reply_timed_count,
        resolution_business_case_count as business_resolution_case_count,
        resolution_business_case_count - unresolved_count as business_resolution_timed_count
    from totals

),

-- Nearest ranks, whatever a division of whole numbers leaves.
ranked as (

    select
        *,
        case
            when reply_case_count >= $minimum_sample_size
                then floor((reply_case_count + 1) / 2)
        end as reply_p50_rank,
        case
            when resolution_case_count >= $minimum_sample_size
                then floor((resolution_case_count + 1) / 2)
        end as resolution_p50_rank,
        case
            when business_reply_case_count >= $minimum_sample_size
                then floor((business_reply_case_count + 1) / 2)
        end as business_reply_p50_rank,
        case
            when business_resolution_case_count >= $minimum_sample_size
                then floor((business_resolution_case_count + 1) / 2)
        end as business_resolution_p50_rank,
        case
            when reply_case_count >= $minimum_sample_size
                then floor((reply_case_count * 9 + 9) / 10)
        end as reply_p90_rank,
        case
            when resolution_case_count >= $minimum_sample_size
                then floor((resolution_case_count * 9 + 9) / 10)
        end as resolution_p90_rank,
        case
            when business_reply_case_count >= $minimum_sample_size
                then floor((business_reply_case_count * 9 + 9) / 10)
        end as business_reply_p90_rank,
        case
            when business_resolution_case_count >= $minimum_sample_size
                then floor((business_resolution_case_count * 9 + 9) / 10)
        end as business_resolution_p90_rank
    from waited

),

service_trend as (

    select
        window_days,
        channel,
        segment,
        case_count,
        complaint_count,
        answered_count,
        unanswered_count,
        resolved_count,
        unresolved_count,
        reopened_count,
        reopenable_count,
        untimed_reply_count,
        untimed_resolution_count,
        impossible_time_count,
        reply_minutes_counts,
        resolution_minutes_counts,
        reply_business_minutes_counts,
        resolution_business_minutes_counts,
        reply_business_case_count,
        resolution_business_case_count,
        reply_minute_sketch,
        resolution_minute_sketch,
        reply_business_minute_sketch,
        resolution_business_minute_sketch,
        cast(
            case
                when reply_p50_rank between 1 and reply_timed_count
                    then quantile_of(
                        reply_minute_sketch,
                        (cast(reply_p50_rank as double) - 0.5)
                        / reply_timed_count
                    )
            end as decimal(18, 4)
        ) as first_reply_minutes_p50,
        cast(
            case
                when resolution_p50_rank between 1 and resolution_timed_count
                    then quantile_of(
                        resolution_minute_sketch,
                        (cast(resolution_p50_rank as double) - 0.5)
                        / resolution_timed_count
                    )
            end as decimal(18, 4)
        ) as resolution_minutes_p50,
        cast(
            case
                when business_reply_p50_rank between 1 and business_reply_timed_count
                    then quantile_of(
                        reply_business_minute_sketch,
                        (cast(business_reply_p50_rank as double) - 0.5)
                        / business_reply_timed_count
                    )
            end as decimal(18, 4)
        ) as first_reply_business_minutes_p50,
        cast(
            case
                when business_resolution_p50_rank between 1 and business_resolution_timed_count
                    then quantile_of(
                        resolution_business_minute_sketch,
                        (cast(business_resolution_p50_rank as double) - 0.5)
                        / business_resolution_timed_count
                    )
            end as decimal(18, 4)
        ) as resolution_business_minutes_p50,
        cast(
            case
                when reply_p90_rank between 1 and reply_timed_count
                    then quantile_of(
                        reply_minute_sketch,
                        (cast(reply_p90_rank as double) - 0.5)
                        / reply_timed_count
                    )
            end as decimal(18, 4)
        ) as first_reply_minutes_p90,
        cast(
            case
                when resolution_p90_rank between 1 and resolution_timed_count
                    then quantile_of(
                        resolution_minute_sketch,
                        (cast(resolution_p90_rank as double) - 0.5)
                        / resolution_timed_count
                    )
            end as decimal(18, 4)
        ) as resolution_minutes_p90,
        cast(
            case
                when business_reply_p90_rank between 1 and business_reply_timed_count
                    then quantile_of(
                        reply_business_minute_sketch,
                        (cast(business_reply_p90_rank as double) - 0.5)
                        / business_reply_timed_count
                    )
            end as decimal(18, 4)
        ) as first_reply_business_minutes_p90,
        cast(
            case
                when business_resolution_p90_rank between 1 and business_resolution_timed_count
                    then quantile_of(
                        resolution_business_minute_sketch,
                        (cast(business_resolution_p90_rank as double) - 0.5)
                        / business_resolution_timed_count
                    )
            end as decimal(18, 4)
        ) as resolution_business_minutes_p90,
        cast(
            case
                when reopenable_count > 0 and reopenable_count >= $minimum_sample_size
                    then cast(reopened_count as decimal(18, 6)) / reopenable_count
            end as decimal(9, 6)
        ) as reopen_share,
        cast(
            case
                when reopenable_count > 0 and reopenable_count >= $minimum_sample_size
                    then wilson_lower(reopened_count, reopenable_count, $confidence_z)
            end as decimal(9, 6)
        ) as reopen_share_lower,
        cast(
            case
                when reopenable_count > 0 and reopenable_count >= $minimum_sample_size
                    then wilson_upper(reopened_count, reopenable_count, $confidence_z)
            end as decimal(9, 6)
        ) as reopen_share_upper,
        days_between($first_input_date, $run_date) >= window_days - 1 as is_mature
    from ranked

)

select * from service_trend
order by window_days, channel, segment
