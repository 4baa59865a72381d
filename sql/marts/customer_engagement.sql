-- Grain: one row per customer.
-- Zero is none known; a null date or name is never, or nothing to choose from.
with

mapped as (

    select record_id, customer_id
    from identity.identity_map
    where dt = $run_date

),

record_behaviour as (

    select *
    from marts.record_behaviour
    where dt = $run_date

),

record_devices as (

    select record_id, device_id
    from marts.record_devices
    where dt = $run_date

),

record_locations as (

    select *
    from marts.record_locations
    where dt = $run_date

),

record_loyalty as (

    select *
    from marts.record_loyalty
    where dt = $run_date

),

record_hours as (

    select record_id, hour_of_day, initiated_count
    from marts.record_hours
    where dt = $run_date

),

record_interactions as (

    select *
    from marts.record_interactions
    where dt = $run_date

),

channels as (

    select *
    from marts.customer_channels
    where dt = $run_date

),

campaigns as (

    select customer_id, campaign_id, last_sent_date
    from marts.customer_campaigns
    where dt = $run_date and last_sent_date is not null

),

messages as (

    select record_id
    from staging.campaign_events
    where
        dt > $run_date - interval '7 days'
        and dt <= $run_date
        and event_kind = 'sent'
        and event_date > $run_date - interval '7 days'
        and record_id is not null

),

profiles as (

    select customer_id, loyalty_id
    from marts.customer_profiles
    where dt = $run_date

),

behaviour as (

    select
        mapped.customer_id,
        sum(record_behaviour.visit_count) as visit_count,
        sum(record_behaviour.page_view_count) as page_view_count,
        sum(record_behaviour.search_count) as search_count,
        sum(record_behaviour.product_view_count) as product_view_count,
        sum(record_behaviour.add_to_cart_count) as add_to_cart_count,
        sum(record_behaviour.checkout_count) as checkout_count,
        sum(record_behaviour.store_visit_count) as store_visit_count,
        sum(record_behaviour.store_seconds) as store_seconds,
        sum(record_behaviour.video_count) as video_count,
        sum(record_behaviour.video_seconds) as video_seconds,
        min(record_behaviour.first_visit_date) as first_visit_date,
        max(record_behaviour.last_visit_date) as last_visit_date,
        max(record_behaviour.last_store_visit_date) as last_store_visit_date,
        max(record_behaviour.last_cart_date) as last_cart_date,
        max(record_behaviour.last_considered_date) as last_considered_date
    from record_behaviour
    inner join mapped on record_behaviour.record_id = mapped.record_id
    group by mapped.customer_id

),

devices_by_customer as (

    select mapped.customer_id, record_devices.device_id
    from record_devices
    inner join mapped on record_devices.record_id = mapped.record_id
    group by mapped.customer_id, record_devices.device_id

),

devices as (

    select customer_id, count(*) as device_count
    from devices_by_customer
    group by customer_id

),

stores as (

    select
        mapped.customer_id,
        record_locations.store,
        sum(record_locations.purchase_count + record_locations.stay_count) as visit_count,
        max(record_locations.last_date) as last_date
    from record_locations
    inner join mapped on record_locations.record_id = mapped.record_id
    group by mapped.customer_id, record_locations.store

),

locations as (

    select
        customer_id,
        count(*) as store_count,
        first_value(store order by visit_count desc, last_date desc, store) as top_store
    from stores
    group by customer_id

),

loyalty as (

    select
        mapped.customer_id,
        sum(record_loyalty.points_balance) as points_balance,
        sum(record_loyalty.earned_points) as earned_points,
        sum(record_loyalty.redeemed_points) as redeemed_points,
        sum(record_loyalty.expired_points) as expired_points,
        sum(record_loyalty.expiring_points) as expiring_points,
        sum(record_loyalty.year_points) as year_points,
        min(record_loyalty.first_entry_date) as first_points_date,
        max(record_loyalty.last_entry_date) as last_points_date,
        max(record_loyalty.last_redeemed_date) as last_redeemed_date
    from record_loyalty
    inner join mapped on record_loyalty.record_id = mapped.record_id
    group by mapped.customer_id

),

hours as (

    select
        mapped.customer_id,
        record_hours.hour_of_day,
        sum(record_hours.initiated_count) as initiated_count
    from record_hours
    inner join mapped on record_hours.record_id = mapped.record_id
    group by mapped.customer_id, record_hours.hour_of_day

),

best_hours as (

    select
        customer_id,
        first_value(hour_of_day order by initiated_count desc, hour_of_day) as best_hour
    from hours
    group by customer_id

),

contacts as (

    select
        customer_id,
        cast(sum(sent_count) as bigint) as message_count,
        cast(sum(opened_count) as bigint) as message_opened_count,
        cast(sum(clicked_count) as bigint) as message_clicked_count,
        cast(sum(responded_count) as bigint) as message_responded_count,
        cast(sum(unsubscribed_count) as bigint) as unsubscribed_count,
        max(last_sent_date) as last_message_date,
        max(last_reaction_date) as last_reaction_date,
        -- The channel whose messages they answer most surely, then the one they use themselves.
        first_value(
            channel
            order by
                wilson_lower(
                    least(opened_count + clicked_count + responded_count, sent_count), sent_count
                ) desc nulls last,
                initiated_count desc,
                channel
        ) filter (where is_allowed and has_contact_point) as best_channel,
        -- Says nothing of the customer but what is allowed.
        first_value(
            channel
            order by
                case channel
                    when 'email' then 1
                    when 'push' then 2
                    when 'sms' then 3
                    when 'post' then 4
                    when 'phone' then 5
                    else 6
                end,
                channel
        ) filter (where is_allowed and has_contact_point) as first_channel
    from channels
    group by customer_id

),

last_campaigns as (

    select
        customer_id,
        first_value(campaign_id order by last_sent_date desc, campaign_id) as last_campaign_id
    from campaigns
    group by customer_id

),

recent_messages as (

    select mapped.customer_id, count(*) as message_count
    from messages
    inner join mapped on messages.record_id = mapped.record_id
    group by mapped.customer_id

),

interactions as (

    select
        mapped.customer_id,
        sum(record_interactions.interaction_count) as interaction_count,
        min(record_interactions.first_interaction_date) as first_interaction_date,
        max(record_interactions.last_interaction_date) as last_interaction_date,
        first_value(
            record_interactions.last_interaction_kind
            order by
                record_interactions.last_interaction_date desc,
                record_interactions.last_interaction_at desc nulls last,
                record_interactions.last_interaction_id desc
        ) as last_interaction_kind,
        first_value(
            record_interactions.last_interaction_channel
            order by
                record_interactions.last_interaction_date desc,
                record_interactions.last_interaction_at desc nulls last,
                record_interactions.last_interaction_id desc
        ) as last_interaction_channel
    from record_interactions
    inner join mapped on record_interactions.record_id = mapped.record_id
    group by mapped.customer_id

),

-- Nobody else's moods and habits leave this query.
profiled as (

    select customer_id
    from marts.customer_consents
    where
        dt = $run_date
        and purpose = $profiling_purpose
        and channel = 'any'
        and is_allowed

),

engagement as (

    select
        profiles.customer_id,
        cast(coalesce(behaviour.visit_count, 0) as bigint) as visit_count,
        cast(coalesce(behaviour.page_view_count, 0) as bigint) as page_view_count,
        cast(coalesce(behaviour.search_count, 0) as bigint) as search_count,
        cast(coalesce(behaviour.product_view_count, 0) as bigint) as product_view_count,
        cast(coalesce(behaviour.add_to_cart_count, 0) as bigint) as add_to_cart_count,
        cast(coalesce(behaviour.checkout_count, 0) as bigint) as checkout_count,
        cast(coalesce(behaviour.store_visit_count, 0) as bigint) as store_visit_count,
        cast(coalesce(behaviour.store_seconds, 0) as bigint) as store_seconds,
        cast(coalesce(behaviour.video_count, 0) as bigint) as video_count,
        cast(coalesce(behaviour.video_seconds, 0) as bigint) as video_seconds,
        behaviour.first_visit_date,
        behaviour.last_visit_date,
        behaviour.last_store_visit_date,
        behaviour.last_cart_date,
        behaviour.last_considered_date,
        coalesce(devices.device_count, 0) as device_count,
        coalesce(locations.store_count, 0) as store_count,
        locations.top_store,
        profiles.loyalty_id is not null or loyalty.customer_id is not null as is_member,
        cast(coalesce(loyalty.points_balance, 0) as bigint) as points_balance,
        cast(coalesce(loyalty.earned_points, 0) as bigint) as earned_points,
        cast(coalesce(loyalty.redeemed_points, 0) as bigint) as redeemed_points,
        cast(coalesce(loyalty.expired_points, 0) as bigint) as expired_points,
        cast(coalesce(loyalty.expiring_points, 0) as bigint) as expiring_points,
        cast(coalesce(loyalty.year_points, 0) as bigint) as year_points,
        cast(
            greatest(coalesce(loyalty.points_balance, 0), 0)
            * cast($point_value as decimal(9, 6))
            as decimal(18, 4)
        ) as points_liability,
        case
            when profiles.loyalty_id is null and loyalty.customer_id is null then null
            when loyalty.year_points >= $gold_tier_points then 'gold'
            when loyalty.year_points >= $silver_tier_points then 'silver'
            else 'base'
        end as loyalty_tier,
        loyalty.first_points_date,
        loyalty.last_points_date,
        loyalty.last_redeemed_date,
        coalesce(contacts.message_count, 0) as message_count,
        coalesce(contacts.message_opened_count, 0) as message_opened_count,
        coalesce(contacts.message_clicked_count, 0) as message_clicked_count,
        coalesce(contacts.message_responded_count, 0) as message_responded_count,
        coalesce(contacts.unsubscribed_count, 0) as unsubscribed_count,
        coalesce(recent_messages.message_count, 0) as week_message_count,
        contacts.last_message_date,
        contacts.last_reaction_date,
        last_campaigns.last_campaign_id,
        case when profiled.customer_id is not null then contacts.best_channel end as best_channel,
        case when profiled.customer_id is not null then best_hours.best_hour end as best_hour,
        case
            when profiled.customer_id is not null then contacts.best_channel
            else contacts.first_channel
        end as outreach_channel,
        cast(coalesce(interactions.interaction_count, 0) as bigint) as interaction_count,
        interactions.first_interaction_date,
        interactions.last_interaction_date,
        interactions.last_interaction_kind,
        interactions.last_interaction_channel
    from profiles
    left join behaviour on profiles.customer_id = behaviour.customer_id
    left join devices on profiles.customer_id = devices.customer_id
    left join locations on profiles.customer_id = locations.customer_id
    left join loyalty on profiles.customer_id = loyalty.customer_id
    left join best_hours on profiles.customer_id = best_hours.customer_id
    left join contacts on profiles.customer_id = contacts.customer_id
    left join last_campaigns on profiles.customer_id = last_campaigns.customer_id
    left join recent_messages on profiles.customer_id = recent_messages.customer_id
    left join interactions on profiles.customer_id = interactions.customer_id
    left join profiled on profiles.customer_id = profiled.customer_id

)

select * from engagement
order by customer_id
