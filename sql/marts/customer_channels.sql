-- Grain: one row per customer and channel that they were in contact on, decided about, or could be
-- reached by. Zero is none; a null date is never.
with

mapped as (

    select record_id, customer_id
    from identity.identity_map
    where dt = $run_date

),

record_channels as (

    select *
    from marts.record_channels
    where dt = $run_date

),

consents as (

    select customer_id, channel, is_allowed
    from marts.customer_consents
    where dt = $run_date and purpose = $outreach_purpose

),

profiles as (

    select customer_id, email, phone, address_line, postcode, city
    from marts.customer_profiles
    where dt = $run_date

),

contacts as (

    select
        mapped.customer_id,
        record_channels.channel,
        sum(record_channels.interaction_count) as interaction_count,
        sum(record_channels.initiated_count) as initiated_count,
        sum(record_channels.sent_count) as sent_count,
        sum(record_channels.bounced_count) as bounced_count,
        sum(record_channels.opened_count) as opened_count,
        sum(record_channels.clicked_count) as clicked_count,
        sum(record_channels.responded_count) as responded_count,
        sum(record_channels.unsubscribed_count) as unsubscribed_count,
        sum(record_channels.complained_count) as complained_count,
        max(record_channels.last_interaction_date) as last_interaction_date,
        max(record_channels.last_sent_date) as last_sent_date,
        max(record_channels.last_reaction_date) as last_reaction_date
    from record_channels
    inner join mapped on record_channels.record_id = mapped.record_id
    group by mapped.customer_id, record_channels.channel

),

own_consents as (

    select *
    from consents
    where channel <> 'any'

),

general_consents as (

    select *
    from consents
    where channel = 'any'

),

met as (

    select
        coalesce(contacts.customer_id, consents.customer_id) as customer_id,
        coalesce(contacts.channel, consents.channel) as channel,
        consents.is_allowed,
        coalesce(contacts.interaction_count, 0) as interaction_count,
        coalesce(contacts.initiated_count, 0) as initiated_count,
        coalesce(contacts.sent_count, 0) as sent_count,
        coalesce(contacts.bounced_count, 0) as bounced_count,
        coalesce(contacts.opened_count, 0) as opened_count,
        coalesce(contacts.clicked_count, 0) as clicked_count,
        coalesce(contacts.responded_count, 0) as responded_count,
        coalesce(contacts.unsubscribed_count, 0) as unsubscribed_count,
        coalesce(contacts.complained_count, 0) as complained_count,
        contacts.last_interaction_date,
        contacts.last_sent_date,
        contacts.last_reaction_date
    from contacts
    full join own_consents as consents
        on
            contacts.customer_id = consents.customer_id
            and contacts.channel = consents.channel

),

channels as (

    select
        met.customer_id,
        met.channel,
        coalesce(met.is_allowed, general_consents.is_allowed, false) as is_allowed,
        case met.channel
            when 'email' then profiles.email is not null
            when 'sms' then profiles.phone is not null
            when 'phone' then profiles.phone is not null
            when 'post'
                then profiles.address_line is not null
                    and coalesce(profiles.postcode, profiles.city) is not null
            -- Who has the app has it from the app.
            when 'push' then true
            else false
        end as has_contact_point,
        cast(met.interaction_count as bigint) as interaction_count,
        cast(met.initiated_count as bigint) as initiated_count,
        cast(met.sent_count as bigint) as sent_count,
        cast(met.bounced_count as bigint) as bounced_count,
        cast(met.opened_count as bigint) as opened_count,
        cast(met.clicked_count as bigint) as clicked_count,
        cast(met.responded_count as bigint) as responded_count,
        cast(met.unsubscribed_count as bigint) as unsubscribed_count,
        cast(met.complained_count as bigint) as complained_count,
        met.last_interaction_date,
        met.last_sent_date,
        met.last_reaction_date
    from met
    inner join profiles on met.customer_id = profiles.customer_id
    left join general_consents on met.customer_id = general_consents.customer_id

)

select * from channels
order by customer_id, channel
