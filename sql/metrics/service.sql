-- Grain: one row per day on which cases were opened, channel and segment; `all` is a total.
-- Quantiles are of the nearest rank over all cases that could be timed; those still waiting rank
-- last, so a null quantile is one not reached yet, or too few cases. Zero minutes: at once, or
-- while the desk was closed.
with

cases as (

    select *
    from marts.cases
    where
        dt = $run_date
        and case_date > $run_date - interval '28 days'
        and case_date <= $run_date

),

-- Each case counts for its channel and segment, for each of the two in total, and for all.
totals_and_parts as (

    select false as is_of_all_channels, false as is_of_all_segments
    union all
    select false as is_of_all_channels, true as is_of_all_segments
    union all
    select true as is_of_all_channels, false as is_of_all_segments
    union all
    select true as is_of_all_channels, true as is_of_all_segments

),

spread as (

    select
        cases.*,
        case when is_of_all_channels then 'all' else channel end as channel_or_all,
        case when is_of_all_segments then 'all' else segment end as segment_or_all
    from totals_and_parts
    cross join cases

),

-- A case takes part in a quantile where it has a duration, or waits for one.
placed as (

    select
        *,
        first_reply_minutes is not null or not is_answered as is_reply_timed,
        resolution_minutes is not null or not is_resolved as is_resolution_timed,
        case when is_resolved then resolution_minutes end as final_resolution_minutes,
        first_reply_business_minutes is not null or not is_answered as is_reply_business_timed,
        resolution_business_minutes is not null or not is_resolved
            as is_resolution_business_timed,
        case when is_resolved then resolution_business_minutes end
            as final_resolution_business_minutes
    from spread

),

binned as (

    select
        *,
        case
            when first_reply_minutes <= 5 then 1
            when first_reply_minutes <= 15 then 2
            when first_reply_minutes <= 30 then 3
            when first_reply_minutes <= 60 then 4
            when first_reply_minutes <= 120 then 5
            when first_reply_minutes <= 240 then 6
            when first_reply_minutes <= 480 then 7
            when first_reply_minutes <= 1440 then 8
            when first_reply_minutes <= 2880 then 9
            when first_reply_minutes <= 4320 then 10
            when first_reply_minutes <= 10080 then 11
            when first_reply_minutes > 10080 then 12
        end as reply_bin,
        case
            when final_resolution_minutes <= 5 then 1
            when final_resolution_minutes <= 15 then 2
            when final_resolution_minutes <= 30 then 3
            when final_resolution_minutes <= 60 then 4
            when final_resolution_minutes <= 120 then 5
            when final_resolution_minutes <= 240 then 6
            when final_resolution_minutes <= 480 then 7
            when final_resolution_minutes <= 1440 then 8
            when final_resolution_minutes <= 2880 then 9
            when final_resolution_minutes <= 4320 then 10
            when final_resolution_minutes <= 10080 then 11
            when final_resolution_minutes > 10080 then 12
        end as resolution_bin,
        case
            when first_reply_business_minutes <= 5 then 1
            when first_reply_business_minutes <= 15 then 2
            when first_reply_business_minutes <= 30 then 3
            when first_reply_business_minutes <= 60 then 4
            when first_reply_business_minutes <= 120 then 5
            when first_reply_business_minutes <= 240 then 6
            when first_reply_business_minutes <= 480 then 7
            when first_reply_business_minutes <= 1440 then 8
            when first_reply_business_minutes <= 2880 then 9
            when first_reply_business_minutes <= 4320 then 10
            when first_reply_business_minutes <= 10080 then 11
            when first_reply_business_minutes > 10080 then 12
        end as reply_business_bin,
        case
            when final_resolution_business_minutes <= 5 then 1
            when final_resolution_business_minutes <= 15 then 2
            when final_resolution_business_minutes <= 30 then 3
            when final_resolution_business_minutes <= 60 then 4
            when final_resolution_business_minutes <= 120 then 5
            when final_resolution_business_minutes <= 240 then 6
            when final_resolution_business_minutes <= 480 then 7
            when final_resolution_business_minutes <= 1440 then 8
            when final_resolution_business_minutes <= 2880 then 9
            when final_resolution_business_minutes <= 4320 then 10
            when final_resolution_business_minutes <= 10080 then 11
            when final_resolution_business_minutes > 10080 then 12
        end as resolution_business_bin
    from placed

),

totals as (

    select
        case_date,
        channel_or_all as channel,
        segment_or_all as segment,
        count(*) as case_count,
        count(case when is_complaint then 1 end) as complaint_count,
        count(case when is_answered then 1 end) as answered_count,
        count(case when not is_answered then 1 end) as unanswered_count,
        count(case when is_resolved then 1 end) as resolved_count,
        count(case when not is_resolved then 1 end) as unresolved_count,
        count(case when is_reopened then 1 end) as reopened_count,
        count(case when is_reopened or (is_resolved and is_reopened is not null) then 1 end)
            as reopenable_count,
        count(case when is_answered and first_reply_minutes is null then 1 end)
            as untimed_reply_count,
        count(case when is_resolved and resolution_minutes is null then 1 end)
            as untimed_resolution_count,
        count(case when has_impossible_times then 1 end) as impossible_time_count,
        make_array(
            count(case when reply_bin = 1 then 1 end),
            count(case when reply_bin = 2 then 1 end),
            count(case when reply_bin = 3 then 1 end),
            count(case when reply_bin = 4 then 1 end),
            count(case when reply_bin = 5 then 1 end),
            count(case when reply_bin = 6 then 1 end),
            count(case when reply_bin = 7 then 1 end),
            count(case when reply_bin = 8 then 1 end),
            count(case when reply_bin = 9 then 1 end),
            count(case when reply_bin = 10 then 1 end),
            count(case when reply_bin = 11 then 1 end),
            count(case when reply_bin = 12 then 1 end)
        ) as reply_minutes_counts,
        make_array(
            count(case when resolution_bin = 1 then 1 end),
            count(case when resolution_bin = 2 then 1 end),
            count(case when resolution_bin = 3 then 1 end),
            count(case when resolution_bin = 4 then 1 end),
            count(case when resolution_bin = 5 then 1 end),
            count(case when resolution_bin = 6 then 1 end),
            count(case when resolution_bin = 7 then 1 end),
            count(case when resolution_bin = 8 then 1 end),
            count(case when resolution_bin = 9 then 1 end),
            count(case when resolution_bin = 10 then 1 end),
            count(case when resolution_bin = 11 then 1 end),
            count(case when resolution_bin = 12 then 1 end)
        ) as resolution_minutes_counts,
        make_array(
            count(case when reply_business_bin = 1 then 1 end),
            count(case when reply_business_bin = 2 then 1 end),
            count(case when reply_business_bin = 3 then 1 end),
            count(case when reply_business_bin = 4 then 1 end),
            count(case when reply_business_bin = 5 then 1 end),
            count(case when reply_business_bin = 6 then 1 end),
            count(case when reply_business_bin = 7 then 1 end),
            count(case when reply_business_bin = 8 then 1 end),
            count(case when reply_business_bin = 9 then 1 end),
            count(case when reply_business_bin = 10 then 1 end),
            count(case when reply_business_bin = 11 then 1 end),
            count(case when reply_business_bin = 12 then 1 end)
        ) as reply_business_minutes_counts,
        make_array(
            count(case when resolution_business_bin = 1 then 1 end),
            count(case when resolution_business_bin = 2 then 1 end),
            count(case when resolution_business_bin = 3 then 1 end),
            count(case when resolution_business_bin = 4 then 1 end),
            count(case when resolution_business_bin = 5 then 1 end),
            count(case when resolution_business_bin = 6 then 1 end),
            count(case when resolution_business_bin = 7 then 1 end),
            count(case when resolution_business_bin = 8 then 1 end),
            count(case when resolution_business_bin = 9 then 1 end),
            count(case when resolution_business_bin = 10 then 1 end),
            count(case when resolution_business_bin = 11 then 1 end),
            count(case when resolution_business_bin = 12 then 1 end)
        ) as resolution_business_minutes_counts,
        quantile_sketch(first_reply_minutes) as reply_minute_sketch,
        quantile_sketch(final_resolution_minutes) as resolution_minute_sketch,
        quantile_sketch(first_reply_business_minutes) as reply_business_minute_sketch,
        quantile_sketch(final_resolution_business_minutes) as resolution_business_minute_sketch,
        -- Each in its order, those that wait last: the n-th is the quantile's rank.
        array_agg(first_reply_minutes order by first_reply_minutes nulls last)
            filter (where is_reply_timed) as reply_waits,
        count(case when is_reply_timed then 1 end) as reply_wait_count,
        array_agg(final_resolution_minutes order by final_resolution_minutes nulls last)
            filter (where is_resolution_timed) as resolution_waits,
        count(case when is_resolution_timed then 1 end) as resolution_wait_count,
        array_agg(first_reply_business_minutes order by first_reply_business_minutes nulls last)
            filter (where is_reply_business_timed) as reply_business_waits,
        count(case when is_reply_business_timed then 1 end) as reply_business_wait_count,
        array_agg(
            final_resolution_business_minutes
            order by final_resolution_business_minutes nulls last
        ) filter (where is_resolution_business_timed) as resolution_business_waits,
        count(case when is_resolution_business_timed then 1 end) as resolution_business_wait_count
    from binned
    group by case_date, channel_or_all, segment_or_all

),

-- Nearest ranks, whatever a division of whole numbers leaves.
ranks as (

    select
        *,
        case
            when reply_wait_count >= $minimum_sample_size
                then cast(floor((reply_wait_count + 1) / 2) as bigint)
        end as reply_p50_rank,
        case
            when reply_wait_count >= $minimum_sample_size
                then cast(floor((reply_wait_count * 9 + 9) / 10) as bigint)
        end as reply_p90_rank,
        case
            when resolution_wait_count >= $minimum_sample_size
                then cast(floor((resolution_wait_count + 1) / 2) as bigint)
        end as resolution_p50_rank,
        case
            when resolution_wait_count >= $minimum_sample_size
                then cast(floor((resolution_wait_count * 9 + 9) / 10) as bigint)
        end as resolution_p90_rank,
        case
            when reply_business_wait_count >= $minimum_sample_size
                then cast(floor((reply_business_wait_count + 1) / 2) as bigint)
        end as reply_business_p50_rank,
        case
            when reply_business_wait_count >= $minimum_sample_size
                then cast(floor((reply_business_wait_count * 9 + 9) / 10) as bigint)
        end as reply_business_p90_rank,
        case
            when resolution_business_wait_count >= $minimum_sample_size
                then cast(floor((resolution_business_wait_count + 1) / 2) as bigint)
        end as resolution_business_p50_rank,
        case
            when resolution_business_wait_count >= $minimum_sample_size
                then cast(floor((resolution_business_wait_count * 9 + 9) / 10) as bigint)
        end as resolution_business_p90_rank
    from totals

),

service as (

    select
        case_date,
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
        reply_business_wait_count as reply_business_case_count,
        resolution_business_wait_count as resolution_business_case_count,
        reply_minute_sketch,
        resolution_minute_sketch,
        reply_business_minute_sketch,
        resolution_business_minute_sketch,
        reply_waits[reply_p50_rank] as first_reply_minutes_p50,
        reply_waits[reply_p90_rank] as first_reply_minutes_p90,
        resolution_waits[resolution_p50_rank] as resolution_minutes_p50,
        resolution_waits[resolution_p90_rank] as resolution_minutes_p90,
        reply_business_waits[reply_business_p50_rank] as first_reply_business_minutes_p50,
        reply_business_waits[reply_business_p90_rank] as first_reply_business_minutes_p90,
        resolution_business_waits[resolution_business_p50_rank] as resolution_business_minutes_p50,
        resolution_business_waits[resolution_business_p90_rank] as resolution_business_minutes_p90,
        cast(
            case
                when reopenable_count > 0 and reopenable_count >= $minimum_sample_size
                    then cast(reopened_count as decimal(18, 6)) / reopenable_count
            end
            as decimal(9, 6)
        ) as reopen_share,
        cast(
            case
                when reopenable_count > 0 and reopenable_count >= $minimum_sample_size
                    then wilson_lower(reopened_count, reopenable_count, $confidence_z)
            end
            as decimal(9, 6)
        ) as reopen_share_lower,
        cast(
            case
                when reopenable_count > 0 and reopenable_count >= $minimum_sample_size
                    then wilson_upper(reopened_count, reopenable_count, $confidence_z)
            end
            as decimal(9, 6)
        ) as reopen_share_upper,
        case_date <= $run_date - interval '27 days' as is_mature
    from ranks

)

select * from service
order by case_date, channel, segment
