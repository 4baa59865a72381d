-- Grain: one row per record that was ever seen on the web site, in the app, in a store or watching
-- a video. Yesterday's totals and today's events. Zero is none; a null date is never.
with

web_events as (

    select source, record_id, event_kind, event_date
    from staging.web_events
    where dt = $run_date and record_id is not null

),

device_events as (

    select source, record_id, event_kind, event_date, duration_seconds
    from staging.device_events
    where
        dt = $run_date
        and record_id is not null
        and event_kind in ('geolocation', 'video_view')

),

sessions as (

    select session_id, source, record_id, session_date
    from staging.web_sessions
    where dt = $run_date and last_known_date = $run_date and record_id is not null

),

sessions_yesterday as (

    select session_id
    from staging.web_sessions
    where dt = $run_date - interval '1 day' and record_id is not null

),

known as (

    select *
    from marts.record_behaviour
    where dt = $run_date - interval '1 day'

),

-- A visit counts on the day it is known whose it is.
new_visits as (

    select sessions.*
    from sessions
    left anti join sessions_yesterday on sessions.session_id = sessions_yesterday.session_id

),

happened as (

    select record_id, source, 'visit' as event_kind, session_date as event_date, 0 as seconds
    from new_visits
    union all
    select record_id, source, event_kind, event_date, 0 as seconds
    from web_events
    union all
    select record_id, source, event_kind, event_date, coalesce(duration_seconds, 0) as seconds
    from device_events

),

seen_today as (

    select
        record_id,
        min(source) as source,
        sum(case event_kind when 'visit' then 1 else 0 end) as visit_count,
        sum(case event_kind when 'page_view' then 1 else 0 end) as page_view_count,
        sum(case event_kind when 'search' then 1 else 0 end) as search_count,
        sum(case event_kind when 'product_view' then 1 else 0 end) as product_view_count,
        sum(case event_kind when 'add_to_cart' then 1 else 0 end) as add_to_cart_count,
        sum(case event_kind when 'checkout' then 1 else 0 end) as checkout_count,
        sum(case event_kind when 'geolocation' then 1 else 0 end) as store_visit_count,
        sum(case event_kind when 'geolocation' then seconds else 0 end) as store_seconds,
        sum(case event_kind when 'video_view' then 1 else 0 end) as video_count,
        sum(case event_kind when 'video_view' then seconds else 0 end) as video_seconds,
        min(case when event_kind = 'visit' then event_date end) as first_visit_date,
        max(case when event_kind = 'visit' then event_date end) as last_visit_date,
        max(case when event_kind = 'geolocation' then event_date end) as last_store_visit_date,
        max(case when event_kind in ('add_to_cart', 'checkout') then event_date end)
            as last_cart_date,
        max(
            case
                when
                    event_kind in (
                        'search', 'product_view', 'add_to_cart', 'checkout', 'geolocation'
                    )
                    then event_date
            end
        ) as last_considered_date
    from happened
    group by record_id

),

combined as (

    select
        record_id, source, visit_count, page_view_count, search_count, product_view_count,
        add_to_cart_count, checkout_count, store_visit_count, store_seconds, video_count,
        video_seconds, first_visit_date, last_visit_date, last_store_visit_date, last_cart_date,
        last_considered_date
    from known
    union all
    select * from seen_today

),

totals as (

    select
        record_id,
        min(source) as source,
        cast(sum(visit_count) as bigint) as visit_count,
        cast(sum(page_view_count) as bigint) as page_view_count,
        cast(sum(search_count) as bigint) as search_count,
        cast(sum(product_view_count) as bigint) as product_view_count,
        cast(sum(add_to_cart_count) as bigint) as add_to_cart_count,
        cast(sum(checkout_count) as bigint) as checkout_count,
        cast(sum(store_visit_count) as bigint) as store_visit_count,
        cast(sum(store_seconds) as bigint) as store_seconds,
        cast(sum(video_count) as bigint) as video_count,
        cast(sum(video_seconds) as bigint) as video_seconds,
        min(first_visit_date) as first_visit_date,
        max(last_visit_date) as last_visit_date,
        max(last_store_visit_date) as last_store_visit_date,
        max(last_cart_date) as last_cart_date,
        max(last_considered_date) as last_considered_date
    from combined
    group by record_id

)

select * from totals
order by record_id
