-- Grain: one row per record, purpose and channel ever decided on; channel `any` is the purpose as a
-- whole. Yesterday's rows and today's decisions: the last decision holds, whenever it arrived.
-- Of decisions of the same instant, and where a source gives only the day, a refusal comes last.
with

decisions as (

    select
        record_id, source, purpose, coalesce(channel, 'any') as channel, action, decided_at,
        decided_date, consent_id
    from staging.consents
    where dt = $run_date and record_id is not null

),

known as (

    select
        record_id, source, purpose, channel, action, decided_at, decided_date, consent_id
    from marts.record_consents
    where dt = $run_date - interval '1 day'

),

-- Most records decide nothing on a day, and what is known of them stays as it is.
kept as (

    select known.*
    from known
    left anti join decisions
        on
            known.record_id = decisions.record_id
            and known.purpose = decisions.purpose
            and known.channel = decisions.channel

),

contested as (

    select * from decisions
    union all
    select known.*
    from known
    left semi join decisions
        on
            known.record_id = decisions.record_id
            and known.purpose = decisions.purpose
            and known.channel = decisions.channel

),

latest as (

    select
        record_id,
        purpose,
        channel,
        first_value(
            source
            order by
                decided_date desc,
                decided_at is null and action <> 'granted' desc,
                decided_at desc nulls last,
                action = 'granted',
                consent_id
        ) as source,
        first_value(
            action
            order by
                decided_date desc,
                decided_at is null and action <> 'granted' desc,
                decided_at desc nulls last,
                action = 'granted',
                consent_id
        ) as action,
        first_value(
            decided_at
            order by
                decided_date desc,
                decided_at is null and action <> 'granted' desc,
                decided_at desc nulls last,
                action = 'granted',
                consent_id
        ) as decided_at,
        first_value(
            decided_date
            order by
                decided_date desc,
                decided_at is null and action <> 'granted' desc,
                decided_at desc nulls last,
                action = 'granted',
                consent_id
        ) as decided_date,
        first_value(
            consent_id
            order by
                decided_date desc,
                decided_at is null and action <> 'granted' desc,
                decided_at desc nulls last,
                action = 'granted',
                consent_id
        ) as consent_id
    from contested
    group by record_id, purpose, channel

),

consents as (

    select * from latest
    union all
    select
        record_id, purpose, channel, source, action, decided_at, decided_date, consent_id
    from kept

)

select * from consents
order by record_id, purpose, channel
