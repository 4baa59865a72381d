-- Grain: one row per day of entry, stage and channel; `all` is the total over channels.
-- As of dt, for the days of entry that are still open and the one that closed today: the row of an
-- entry day at dt = that day + the window is final. Null share: still open, or too few.
with

stages as (

    select record_id, life_cycle_stage, first_date, first_channel
    from marts.record_stages
    where dt = $run_date

),

mapped as (

    select record_id, customer_id
    from identity.identity_map
    where dt = $run_date

),

placed as (

    select
        mapped.customer_id,
        stages.life_cycle_stage,
        case stages.life_cycle_stage
            when 'awareness' then 1
            when 'consideration' then 2
            when 'purchase' then 3
            when 'retention' then 4
            else 5
        end as place,
        stages.first_date,
        stages.first_channel
    from stages
    inner join mapped on stages.record_id = mapped.record_id

),

firsts as (

    select
        customer_id,
        life_cycle_stage,
        place,
        min(first_date) as entry_date,
        first_value(first_channel order by first_date, first_channel) as channel
    from placed
    group by customer_id, life_cycle_stage, place

),

-- The first day of any later stage.
by_customer as (

    select
        customer_id,
        min(case when place = 2 then entry_date end) as consideration_date,
        min(case when place = 3 then entry_date end) as purchase_date,
        min(case when place = 4 then entry_date end) as retention_date,
        min(case when place = 5 then entry_date end) as advocacy_date
    from firsts
    group by customer_id

),

followed as (

    select
        firsts.life_cycle_stage,
        firsts.place,
        firsts.channel,
        firsts.entry_date,
        least(
            case when firsts.place < 2 then by_customer.consideration_date end,
            case when firsts.place < 3 then by_customer.purchase_date end,
            case when firsts.place < 4 then by_customer.retention_date end,
            case when firsts.place < 5 then by_customer.advocacy_date end
        ) as next_date
    from firsts
    inner join by_customer on firsts.customer_id = by_customer.customer_id
    where
        firsts.entry_date <= $run_date
        and firsts.entry_date >= cast(cast($run_date as int) - $journey_window_days as date)

),

entries as (

    select
        entry_date,
        life_cycle_stage,
        channel,
        place = 5 as is_last,
        days_between(entry_date, next_date) as days_taken,
        coalesce(
            days_between(entry_date, next_date) <= $journey_window_days, false
        ) as is_converted,
        days_between(entry_date, $run_date) >= $journey_window_days as is_over
    from followed
    -- A stage is entered forwards alone.
    where next_date is null or next_date >= entry_date

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
            as converted_days
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
        days_between(entry_date, $run_date) >= $journey_window_days as is_mature
    from totals

)

select * from journey_stages
order by entry_date, life_cycle_stage, channel
