-- Grain: one row per thing that was done on the web site or in the app.
-- Whoever logs in during a visit was there from its beginning: events of a visit with one account
-- are all that account's. Where two logged in, each has only what they did themselves. A cookie
-- is a browser and no person: a visit without an account is anonymous.
with

web_events as (

    select *
    from raw.web_events
    where dt = $run_date

),

accounts_by_session as (

    select
        session,
        case when min(account) = max(account) then min(account) end as only_account
    from web_events
    group by session

),

known as (

    select
        web_events.*,
        coalesce(web_events.account, accounts_by_session.only_account) as known_account
    from web_events
    inner join accounts_by_session on web_events.session = accounts_by_session.session

),

renamed as (

    select
        'web:' || event_id as event_id,
        'web' as source,
        'web:' || known_account as record_id,
        case channel when 'app' then 'app:' else 'shop:' end || known_account
            as customer_number,
        'web:' || session as session_id,
        'web:' || cookie as device_id,
        kind as event_kind,
        channel,
        referrer as traffic_source,
        campaign as campaign_id,
        'catalogue:' || sku as product_id,
        search as search_text,
        'order:' || order_number as order_id,
        happened_at,
        business_date(happened_at, $time_zone) as event_date
    from known

)

select * from renamed
order by event_id
