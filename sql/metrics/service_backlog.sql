-- Grain: one row per channel and segment with open cases; `all` is a total, and the row of both is
-- there even when it is zero. Null oldest_case_date: nothing is open. Null age: too few are.
with

open_cases as (

    select *
    from marts.cases
    where dt = $run_date and is_open

),

totals as (

    select
        case when grouping(channel) = 1 then 'all' else channel end as channel,
        case when grouping(segment) = 1 then 'all' else segment end as segment,
        count(*) as open_count,
        count(case when not is_answered then 1 end) as unanswered_count,
        count(case when is_complaint then 1 end) as complaint_count,
        count(case when case_date < $run_date - interval '7 days' then 1 end)
            as older_than_7_days_count,
        min(case_date) as oldest_case_date,
        quantile_sketch(days_between(case_date, $run_date)) as age_day_sketch
    from open_cases
    group by grouping sets ((channel, segment), (channel), (segment), ())

),

backlog as (

    select * from totals
    union all
    -- A day without open cases still says so.
    select
        'all' as channel,
        'all' as segment,
        0 as open_count,
        0 as unanswered_count,
        0 as complaint_count,
        0 as older_than_7_days_count,
        cast(null as date) as oldest_case_date,
        arrow_cast(make_array(), 'List(Int64)') as age_day_sketch
    where not exists (select 1 from totals where channel = 'all')

),

aged as (

    select
        *,
        cast(
            case
                when open_count > 0 and open_count >= $minimum_sample_size
                    then quantile_of(age_day_sketch, 0.5)
            end
            as bigint
        ) as age_days_median,
        cast(
            case
                when open_count > 0 and open_count >= $minimum_sample_size
                    then quantile_of(age_day_sketch, 0.9)
            end
            as bigint
        ) as age_days_p90
    from backlog

)

select * from aged
order by channel, segment
