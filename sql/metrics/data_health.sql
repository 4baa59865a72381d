-- Grain: one row per entity and source that ever fed it; of `exports`, per source that is or was
-- declared, with `all` for the total over them.
-- Zero facts: nothing came on the day. Null days since: nothing ever came. Null ratio: the source
-- has fed for less than a week.
with

fed as (

    select *
    from marts.source_activity
    where dt = $run_date

),

fed_earlier as (

    select dt, entity, source, fact_count
    from marts.source_activity
    where
        dt > $run_date - interval '29 days'
        and dt < $run_date
        and first_fed_date is not null

),

activity as (

    select
        entity,
        source,
        is_about_people,
        fact_count,
        identified_count,
        linked_count,
        late_count,
        early_count,
        judged_count,
        quarantined_count,
        duplicate_count,
        first_known_date,
        first_fed_date,
        last_fed_date,
        last_event_date
    from fed
    union all
    select
        entity,
        'all' as source,
        false as is_about_people,
        sum(fact_count) as fact_count,
        sum(identified_count) as identified_count,
        sum(linked_count) as linked_count,
        sum(late_count) as late_count,
        sum(early_count) as early_count,
        sum(judged_count) as judged_count,
        sum(quarantined_count) as quarantined_count,
        sum(duplicate_count) as duplicate_count,
        min(first_known_date) as first_known_date,
        min(first_fed_date) as first_fed_date,
        max(last_fed_date) as last_fed_date,
        max(last_event_date) as last_event_date
    from fed
    where entity = 'exports'
    group by entity

),

earlier as (

    select entity, source, fact_count
    from fed_earlier
    union all
    select
        entity,
        'all' as source,
        sum(fact_count) as fact_count
    from fed_earlier
    where entity = 'exports'
    group by dt, entity

),

usual as (

    select
        entity,
        source,
        count(*) as earlier_day_count,
        sum(fact_count) as earlier_fact_count
    from earlier
    group by entity, source

),

totals as (

    select
        activity.entity,
        activity.source,
        activity.fact_count,
        activity.identified_count,
        activity.linked_count,
        case when activity.is_about_people then activity.fact_count else 0 end
            as identifiable_count,
        activity.late_count,
        activity.early_count,
        activity.judged_count,
        activity.quarantined_count,
        activity.duplicate_count,
        coalesce(usual.earlier_day_count, 0) as earlier_day_count,
        coalesce(usual.earlier_fact_count, 0) as earlier_fact_count,
        activity.first_known_date,
        activity.first_fed_date,
        activity.last_fed_date,
        activity.last_event_date,
        days_between(activity.last_fed_date, $run_date) as days_since_fed,
        days_between(activity.last_event_date, $run_date) as days_since_event
    from activity
    left join usual
        on activity.entity = usual.entity and activity.source = usual.source

),

compared as (

    select
        *,
        earlier_day_count >= 7 and earlier_fact_count > 0
        and (
            fact_count * earlier_day_count * 2 < earlier_fact_count
            or fact_count * earlier_day_count > earlier_fact_count * 2
        ) as is_unusual
    from totals

),

data_health as (

    select
        entity,
        source,
        fact_count,
        identifiable_count,
        identified_count,
        linked_count,
        late_count,
        early_count,
        judged_count,
        quarantined_count,
        duplicate_count,
        earlier_day_count,
        earlier_fact_count,
        first_known_date,
        first_fed_date,
        last_fed_date,
        last_event_date,
        days_since_fed,
        days_since_event,
        cast(
            case
                when earlier_day_count >= 7 and earlier_fact_count > 0
                    then cast(fact_count * earlier_day_count as decimal(18, 6)) /
                         earlier_fact_count
            end
            as decimal(18, 6)
        ) as volume_ratio,
        cast(
            case
                when identifiable_count > 0 and identifiable_count >= $minimum_sample_size
                    then cast(identified_count as decimal(18, 6)) / identifiable_count
            end
            as decimal(9, 6)
        ) as identified_share,
        cast(
            case
                when identifiable_count > 0 and identifiable_count >= $minimum_sample_size
                    then cast(linked_count as decimal(18, 6)) / identifiable_count
            end
            as decimal(9, 6)
        ) as linked_share,
        cast(
            case
                when fact_count > 0 and fact_count >= $minimum_sample_size
                    then cast(late_count as decimal(18, 6)) / fact_count
            end
            as decimal(9, 6)
        ) as late_share,
        cast(
            case
                when judged_count > 0 and judged_count >= $minimum_sample_size
                    then cast(quarantined_count as decimal(18, 6)) / judged_count
            end
            as decimal(9, 6)
        ) as quarantined_share,
        cast(
            case
                when
                    judged_count + duplicate_count > 0
                    and judged_count + duplicate_count >= $minimum_sample_size
                    then cast(duplicate_count as decimal(18, 6))
                        / (judged_count + duplicate_count)
            end
            as decimal(9, 6)
        ) as duplicate_share,
        cast(
            case
                when judged_count > 0 and judged_count >= $minimum_sample_size
                    then wilson_lower(quarantined_count, judged_count, $confidence_z)
            end
            as decimal(9, 6)
        ) as quarantined_share_lower,
        cast(
            case
                when judged_count > 0 and judged_count >= $minimum_sample_size
                    then wilson_upper(quarantined_count, judged_count, $confidence_z)
            end
            as decimal(9, 6)
        ) as quarantined_share_upper,
        is_unusual,
        last_fed_date is not null as has_ever_fed
    from compared

)

select * from data_health
order by entity, source
