-- Grain: one row per system of cases and channel that is served by a schedule.
-- Edit the rows to have the cases of a system or a channel measured by other opening hours. The
-- schedules are those of the file that the settings name as `schedules`.
with

rules as (

    -- `all` is every system or channel without a row of its own. A system and channel together come
    -- before the system, the system before the channel.
    select *
    from (
        values
        ('all', 'all', 'service_desk')
    ) as declared (source, channel, schedule)

)

select source, channel, schedule
from rules
-- Tells a name that is no schedule here, before a case is measured by it.
where business_minutes(timestamp '2024-01-01', timestamp '2024-01-02', schedule) is not null
order by source, channel
