-- Grain: one row per visit to the web site or app that became known today.
-- A visit is one contact, however many pages were looked at; events of it that come late add
-- nothing to tell.
with

sessions as (

    select *
    from staging.web_sessions
    where dt = $run_date and first_known_date = $run_date

),

events as (

    select
        'site_visited:' || session_id as interaction_id,
        source,
        record_id,
        'site_visited' as interaction_kind,
        channel,
        'visit' as touchpoint,
        started_at as occurred_at,
        session_date as interaction_date,
        true as is_direct,
        true as is_initiated_by_customer,
        case
            when
                search_count + product_view_count + add_to_cart_count + checkout_count
                + purchase_count > 0
                then 'consideration'
            else 'awareness'
        end as life_cycle_stage,
        campaign_id,
        false as has_text
    from sessions

)

select * from events
order by interaction_id
