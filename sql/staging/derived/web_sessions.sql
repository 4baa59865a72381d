-- Grain: one row per visit of which something became known in the last eight days.
-- Yesterday's visits and today's events; history is not read again. Zero: nothing of the kind was
-- done. Null record_id: nobody logged in.
with

events as (

    select *
    from staging.web_events
    where dt = $run_date and session_id is not null

),

known as (

    select *
    from staging.web_sessions
    where dt = $run_date - interval '1 day'

),

visited_today as (

    select
        session_id,
        min(source) as source,
        first_value(record_id order by record_id is null, happened_at, event_id) as record_id,
        min(device_id) as device_id,
        min(channel) as channel,
        first_value(traffic_source order by traffic_source is null, happened_at, event_id)
            as traffic_source,
        first_value(campaign_id order by campaign_id is null, happened_at, event_id)
            as campaign_id,
        min(happened_at) as started_at,
        max(happened_at) as ended_at,
        min(event_date) as session_date,
        count(*) as event_count,
        sum(case event_kind when 'page_view' then 1 else 0 end) as page_view_count,
        sum(case event_kind when 'search' then 1 else 0 end) as search_count,
        sum(case event_kind when 'product_view' then 1 else 0 end) as product_view_count,
        sum(case event_kind when 'add_to_cart' then 1 else 0 end) as add_to_cart_count,
        sum(case event_kind when 'checkout' then 1 else 0 end) as checkout_count,
        sum(case event_kind when 'purchase' then 1 else 0 end) as purchase_count,
        sum(case event_kind when 'video_view' then 1 else 0 end) as video_view_count,
        $run_date as first_known_date,
        $run_date as last_known_date
    from events
    group by session_id

),

-- An event comes at most seven days late: a visit that was quiet for longer is over.
combined as (

    select
        session_id, source, record_id, device_id, channel, traffic_source, campaign_id,
        started_at, ended_at, session_date, event_count, page_view_count, search_count,
        product_view_count, add_to_cart_count, checkout_count, purchase_count, video_view_count,
        first_known_date, last_known_date
    from known
    where last_known_date >= $run_date - interval '7 days'
    union all
    select * from visited_today

),

sessions as (

    select
        session_id,
        min(source) as source,
        first_value(record_id order by record_id is null, started_at, first_known_date)
            as record_id,
        min(device_id) as device_id,
        min(channel) as channel,
        first_value(traffic_source order by traffic_source is null, started_at, first_known_date)
            as traffic_source,
        first_value(campaign_id order by campaign_id is null, started_at, first_known_date)
            as campaign_id,
        min(started_at) as started_at,
        max(ended_at) as ended_at,
        min(session_date) as session_date,
        cast(sum(event_count) as bigint) as event_count,
        cast(sum(page_view_count) as bigint) as page_view_count,
        cast(sum(search_count) as bigint) as search_count,
        cast(sum(product_view_count) as bigint) as product_view_count,
        cast(sum(add_to_cart_count) as bigint) as add_to_cart_count,
        cast(sum(checkout_count) as bigint) as checkout_count,
        cast(sum(purchase_count) as bigint) as purchase_count,
        cast(sum(video_view_count) as bigint) as video_view_count,
        min(first_known_date) as first_known_date,
        max(last_known_date) as last_known_date
    from combined
    group by session_id

)

select * from sessions
order by session_id
