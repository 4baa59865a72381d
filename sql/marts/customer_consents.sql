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

-- The order is that of marts.record_consents: of a customer's records, the last decision. One text
-- a decision that sorts so, the last first: comparing one text is several times faster than
-- comparing five columns. The numbers in it have the same length, whatever they are.
keyed as (

    select
        mapped.customer_id,
        decisions.purpose,
        decisions.channel,
        concat(
            cast(20000000 - cast(decisions.decided_date as int) as varchar),
            case
                when decisions.decided_at is null and decisions.action <> 'granted' then '0'
                else '1'
            end,
            coalesce(
                cast(
                    200000000000000000
                    - cast(
                        arrow_cast(
                            decisions.decided_at, 'Timestamp(Microsecond, Some("UTC"))'
                        ) as bigint
                    ) as varchar
                ),
                '999999999999999999'
            ),
            case when decisions.action = 'granted' then '1' else '0' end,
            decisions.consent_id, chr(31), decisions.record_id
        ) as sort_key
    from decisions
    inner join mapped on decisions.record_id = mapped.record_id

),

last_keys as (

    select
        customer_id,
        purpose,
        channel,
        min(sort_key) as sort_key
    from keyed
    group by customer_id, purpose, channel

),

latest as (

    select
        last_keys.customer_id,
        last_keys.purpose,
        last_keys.channel,
        decisions.action,
        decisions.decided_at,
        decisions.decided_date,
        decisions.record_id
    from last_keys
    inner join decisions
        on
            split_part(last_keys.sort_key, chr(31), 2) = decisions.record_id
            and last_keys.purpose = decisions.purpose
            and last_keys.channel = decisions.channel

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
