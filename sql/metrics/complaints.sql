-- Grain: one row per day on which complaints were opened or closed, topic, channel and segment;
-- `all` is a total. What a complaint counts today is added, what it counted yesterday taken away,
-- where the two differ: so a complaint that is reclassified, decided late or deleted corrects its
-- own days. Of one that is there no more and was not deleted nothing was told for long, and what it
-- counted stands. Null share = too few; zero = none.
with

today as (

    select
        case_id,
        case_date,
        coalesce(topic, 'unknown') as topic,
        channel,
        segment,
        is_repeat_complaint,
        is_upheld,
        first_resolved_date,
        case
            when not has_impossible_times then seconds_between(opened_at, first_resolved_at)
        end as closing_seconds
    from marts.cases
    where dt = $run_date and is_complaint

),

known as (

    select
        case_id,
        case_date,
        coalesce(topic, 'unknown') as topic,
        channel,
        segment,
        is_repeat_complaint,
        is_upheld,
        first_resolved_date,
        case
            when not has_impossible_times then seconds_between(opened_at, first_resolved_at)
        end as closing_seconds
    from marts.cases
    where dt = $run_date - interval '1 day' and is_complaint

),

may_differ as (

    select case_id
    from marts.cases
    where dt = $run_date
    union all
    select case_id
    from marts.case_events
    where dt = $run_date and event_kind = 'deleted'

),

yesterday as (

    select known.*
    from known
    left semi join may_differ on known.case_id = may_differ.case_id

),

opened as (

    select
        case_date as event_date,
        topic,
        channel,
        segment,
        1 as opened_count,
        case when is_repeat_complaint is not null then 1 else 0 end as identified_count,
        case when is_repeat_complaint then 1 else 0 end as repeat_count,
        0 as closed_count,
        0 as closed_within_3_days_count,
        0 as closed_within_8_weeks_count,
        0 as closed_later_count,
        0 as untimed_count,
        0 as decided_count,
        0 as upheld_count
    from today

),

closed as (

    select
        first_resolved_date as event_date,
        topic,
        channel,
        segment,
        0 as opened_count,
        0 as identified_count,
        0 as repeat_count,
        1 as closed_count,
        case when closing_seconds <= 259200 then 1 else 0 end as closed_within_3_days_count,
        case when closing_seconds > 259200 and closing_seconds <= 4838400 then 1 else 0 end
            as closed_within_8_weeks_count,
        case when closing_seconds > 4838400 then 1 else 0 end as closed_later_count,
        case when closing_seconds is null then 1 else 0 end as untimed_count,
        case when is_upheld is not null then 1 else 0 end as decided_count,
        case when is_upheld then 1 else 0 end as upheld_count
    from today
    where first_resolved_date is not null

),

formerly_opened as (

    select
        case_date as event_date,
        topic,
        channel,
        segment,
        -1 as opened_count,
        case when is_repeat_complaint is not null then -1 else 0 end as identified_count,
        case when is_repeat_complaint then -1 else 0 end as repeat_count,
        0 as closed_count,
        0 as closed_within_3_days_count,
        0 as closed_within_8_weeks_count,
        0 as closed_later_count,
        0 as untimed_count,
        0 as decided_count,
        0 as upheld_count
    from yesterday

),

formerly_closed as (

    select
        first_resolved_date as event_date,
        topic,
        channel,
        segment,
        0 as opened_count,
        0 as identified_count,
        0 as repeat_count,
        -1 as closed_count,
        case when closing_seconds <= 259200 then -1 else 0 end as closed_within_3_days_count,
        case when closing_seconds > 259200 and closing_seconds <= 4838400 then -1 else 0 end
            as closed_within_8_weeks_count,
        case when closing_seconds > 4838400 then -1 else 0 end as closed_later_count,
        case when closing_seconds is null then -1 else 0 end as untimed_count,
        case when is_upheld is not null then -1 else 0 end as decided_count,
        case when is_upheld then -1 else 0 end as upheld_count
    from yesterday
    where first_resolved_date is not null

),

counted as (

    select * from opened
    union all
    select * from closed
    union all
    select * from formerly_opened
    union all
    select * from formerly_closed

),

-- What stands as it stood counts nothing.
changed as (

    select
        event_date,
        topic,
        channel,
        segment,
        sum(opened_count) as opened_count,
        sum(identified_count) as identified_count,
        sum(repeat_count) as repeat_count,
        sum(closed_count) as closed_count,
        sum(closed_within_3_days_count) as closed_within_3_days_count,
        sum(closed_within_8_weeks_count) as closed_within_8_weeks_count,
        sum(closed_later_count) as closed_later_count,
        sum(untimed_count) as untimed_count,
        sum(decided_count) as decided_count,
        sum(upheld_count) as upheld_count
    from counted
    group by event_date, topic, channel, segment
    having
        sum(opened_count) <> 0
        or sum(identified_count) <> 0
        or sum(repeat_count) <> 0
        or sum(closed_count) <> 0
        or sum(closed_within_3_days_count) <> 0
        or sum(closed_within_8_weeks_count) <> 0
        or sum(closed_later_count) <> 0
        or sum(untimed_count) <> 0
        or sum(decided_count) <> 0
        or sum(upheld_count) <> 0

),

totals as (

    select
        event_date,
        case when grouping(topic) = 1 then 'all' else topic end as topic,
        case when grouping(channel) = 1 then 'all' else channel end as channel,
        case when grouping(segment) = 1 then 'all' else segment end as segment,
        sum(opened_count) as opened_count,
        sum(identified_count) as identified_count,
        sum(repeat_count) as repeat_count,
        sum(closed_count) as closed_count,
        sum(closed_within_3_days_count) as closed_within_3_days_count,
        sum(closed_within_8_weeks_count) as closed_within_8_weeks_count,
        sum(closed_later_count) as closed_later_count,
        sum(untimed_count) as untimed_count,
        sum(decided_count) as decided_count,
        sum(upheld_count) as upheld_count
    from changed
    group by grouping sets (
        (event_date, topic, channel, segment),
        (event_date, topic, channel),
        (event_date, topic, segment),
        (event_date, channel, segment),
        (event_date, topic),
        (event_date, channel),
        (event_date, segment),
        (event_date)
    )

),

complaints as (

    select
        event_date,
        topic,
        channel,
        segment,
        opened_count,
        identified_count,
        repeat_count,
        closed_count,
        closed_within_3_days_count,
        closed_within_8_weeks_count,
        closed_later_count,
        untimed_count,
        decided_count,
        upheld_count,
        cast(
            case
                when
                    closed_count > 0
                    and closed_count >= $minimum_sample_size
                    and closed_within_3_days_count between 0
                    and closed_count
                    then cast(closed_within_3_days_count as decimal(18, 6)) / closed_count
            end
            as decimal(9, 6)
        ) as closed_within_3_days_share,
        cast(
            case
                when
                    closed_count > 0
                    and closed_count >= $minimum_sample_size
                    and closed_within_3_days_count between 0
                    and closed_count
                    then wilson_lower(closed_within_3_days_count, closed_count, $confidence_z)
            end
            as decimal(9, 6)
        ) as closed_within_3_days_share_lower,
        cast(
            case
                when
                    closed_count > 0
                    and closed_count >= $minimum_sample_size
                    and closed_within_3_days_count between 0
                    and closed_count
                    then wilson_upper(closed_within_3_days_count, closed_count, $confidence_z)
            end
            as decimal(9, 6)
        ) as closed_within_3_days_share_upper,
        cast(
            case
                when
                    closed_count > 0
                    and closed_count >= $minimum_sample_size
                    and closed_within_8_weeks_count between 0
                    and closed_count
                    then cast(closed_within_8_weeks_count as decimal(18, 6)) / closed_count
            end
            as decimal(9, 6)
        ) as closed_within_8_weeks_share,
        cast(
            case
                when
                    closed_count > 0
                    and closed_count >= $minimum_sample_size
                    and closed_within_8_weeks_count between 0
                    and closed_count
                    then wilson_lower(closed_within_8_weeks_count, closed_count, $confidence_z)
            end
            as decimal(9, 6)
        ) as closed_within_8_weeks_share_lower,
        cast(
            case
                when
                    closed_count > 0
                    and closed_count >= $minimum_sample_size
                    and closed_within_8_weeks_count between 0
                    and closed_count
                    then wilson_upper(closed_within_8_weeks_count, closed_count, $confidence_z)
            end
            as decimal(9, 6)
        ) as closed_within_8_weeks_share_upper,
        cast(
            case
                when
                    decided_count > 0
                    and decided_count >= $minimum_sample_size
                    and upheld_count between 0
                    and decided_count
                    then cast(upheld_count as decimal(18, 6)) / decided_count
            end
            as decimal(9, 6)
        ) as upheld_share,
        cast(
            case
                when
                    decided_count > 0
                    and decided_count >= $minimum_sample_size
                    and upheld_count between 0
                    and decided_count
                    then wilson_lower(upheld_count, decided_count, $confidence_z)
            end
            as decimal(9, 6)
        ) as upheld_share_lower,
        cast(
            case
                when
                    decided_count > 0
                    and decided_count >= $minimum_sample_size
                    and upheld_count between 0
                    and decided_count
                    then wilson_upper(upheld_count, decided_count, $confidence_z)
            end
            as decimal(9, 6)
        ) as upheld_share_upper,
        cast(
            case
                when
                    identified_count > 0
                    and identified_count >= $minimum_sample_size
                    and repeat_count between 0
                    and identified_count
                    then cast(repeat_count as decimal(18, 6)) / identified_count
            end
            as decimal(9, 6)
        ) as repeat_share,
        cast(
            case
                when
                    identified_count > 0
                    and identified_count >= $minimum_sample_size
                    and repeat_count between 0
                    and identified_count
                    then wilson_lower(repeat_count, identified_count, $confidence_z)
            end
            as decimal(9, 6)
        ) as repeat_share_lower,
        cast(
            case
                when
                    identified_count > 0
                    and identified_count >= $minimum_sample_size
                    and repeat_count between 0
                    and identified_count
                    then wilson_upper(repeat_count, identified_count, $confidence_z)
            end
            as decimal(9, 6)
        ) as repeat_share_upper
    from totals

)

select * from complaints
order by event_date, topic, channel, segment
