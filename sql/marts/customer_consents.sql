-- Grain: one row per customer, purpose and channel that the customer ever decided on; channel `any`
-- is the purpose as a whole, and holds for every channel without a row.
with

mapped as (

    select record_id, customer_id
    from identity.identity_map
    where dt = $run_date

),

decisions as (

    select *
    from marts.record_consents
    where dt = $run_date

),

owned as (

    select mapped.customer_id, decisions.*
    from decisions
    inner join mapped on decisions.record_id = mapped.record_id

),

-- The order is that of marts.record_consents: of a customer's records, the last decision.
latest as (

    select
        customer_id,
        purpose,
        channel,
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
            record_id
            order by
                decided_date desc,
                decided_at is null and action <> 'granted' desc,
                decided_at desc nulls last,
                action = 'granted',
                consent_id
        ) as record_id
    from owned
    group by customer_id, purpose, channel

),

general as (

    select *
    from latest
    where channel = 'any'

),

-- A refusal of the purpose ends every channel's grant before it or of the same instant. A grant of
-- the purpose as a whole does not undo a refusal of one channel.
compared as (

    select
        latest.*,
        general.action as general_action,
        general.decided_at as general_decided_at,
        general.decided_date as general_decided_date,
        general.record_id as general_record_id,
        coalesce(
            latest.channel <> 'any'
            and general.action <> 'granted'
            and (
                general.decided_date > latest.decided_date
                or (
                    general.decided_date = latest.decided_date
                    and coalesce(general.decided_at >= latest.decided_at, true)
                )
            ),
            false
        ) as is_ended
    from latest
    left join general
        on latest.customer_id = general.customer_id and latest.purpose = general.purpose

),

consents as (

    select
        customer_id,
        purpose,
        channel,
        action = 'granted' and not is_ended as is_allowed,
        case when is_ended then general_action else action end as action,
        case when is_ended then general_decided_at else decided_at end as decided_at,
        case when is_ended then general_decided_date else decided_date end as decided_date,
        case when is_ended then general_record_id else record_id end as record_id
    from compared

)

select * from consents
order by customer_id, purpose, channel
