-- Grain: one row per pair of numbers that the CRM has found to be one person's.
-- A card's number and a handle are identifiers of their own kind; every other system's key is a
-- customer number.
with

links as (

    select distinct left_system, left_id, right_system, right_id, min(linked_at) as linked_at
    from raw.identifier_links
    where dt = $run_date
    group by left_system, left_id, right_system, right_id

),

typed as (

    select
        *,
        case
            when left_system = 'loyalty' then normalize_identifier(replace(left_id, ' ', ''))
            else left_id
        end as left_key,
        case when right_system = 'loyalty' then normalize_identifier(replace(right_id, ' ', '')) end
            as right_card,
        case when left_system in ('x', 'instagram', 'facebook', 'tiktok')
            then normalize_handle(left_system, left_id) end as left_handle,
        case when right_system in ('x', 'instagram', 'facebook', 'tiktok')
            then normalize_handle(right_system, right_id) end as right_handle
    from links

),

renamed as (

    select
        'crm:' || left_system || ':' || left_id || '=' || right_system || ':' || right_id
            as link_id,
        left_system as source,
        left_system || ':' || left_key as record_id,
        case
            when left_system not in ('loyalty', 'x', 'instagram', 'facebook', 'tiktok')
                then left_system || ':' || left_id
        end as customer_number,
        case
            when right_system not in ('loyalty', 'x', 'instagram', 'facebook', 'tiktok')
                then right_system || ':' || right_id
        end as linked_customer_number,
        coalesce(right_card, case when left_system = 'loyalty' then left_key end) as loyalty_id,
        coalesce(right_handle, left_handle) as handle,
        'crm' as stated_by,
        linked_at,
        business_date(linked_at, $time_zone) as link_date
    from typed

)

select * from renamed
order by link_id
