-- Grain: one row per campaign of which the first were chosen in the last 60 days.
-- Customers, each once a campaign. Null share: too few. Null uplift: no control group, or too few.
with

contacts as (

    select
        campaign_contact_id, record_id, campaign_id, channel, is_treated, chosen_date
    from marts.campaign_contacts
    where dt <= $run_date and dt > $run_date - interval '90 days'

),

campaign_events as (

    select record_id, campaign_id, event_kind
    from marts.campaign_events
    where
        dt <= $run_date and dt > $run_date - interval '90 days' and record_id is not null

),

purchases as (

    select record_id, order_date, currency, net_amount
    from marts.orders
    where
        dt <= $run_date
        and dt > $run_date - interval '90 days'
        and order_kind = 'purchase'
        and record_id is not null

),

mapped as (

    select record_id, customer_id
    from identity.identity_map
    where dt = $run_date

),

-- What began longer ago may be cut by the window, and has had its last row.
campaigns as (

    select
        campaign_id,
        min(channel) as channel,
        min(chosen_date) as first_chosen_date,
        max(chosen_date) as last_chosen_date
    from contacts
    group by campaign_id
    having min(chosen_date) > $run_date - interval '60 days'

),

reactions as (

    select
        campaign_id,
        record_id,
        max(case when event_kind = 'sent' then 1 else 0 end) as is_sent,
        max(case when event_kind = 'bounced' then 1 else 0 end) as is_bounced,
        max(case when event_kind = 'opened' then 1 else 0 end) as is_opened,
        max(case when event_kind = 'clicked' then 1 else 0 end) as is_clicked,
        max(case when event_kind = 'responded' then 1 else 0 end) as is_responded,
        max(case when event_kind = 'unsubscribed' then 1 else 0 end) as is_unsubscribed,
        max(case when event_kind = 'complained' then 1 else 0 end) as is_complained
    from campaign_events
    group by campaign_id, record_id

),

-- Who is in both groups, by two of their records, was sent something.
chosen as (

    select
        contacts.campaign_id,
        coalesce(mapped.customer_id, contacts.campaign_contact_id) as person,
        max(case when contacts.is_treated then 1 else 0 end) as is_treated,
        min(contacts.chosen_date) as chosen_date,
        max(coalesce(reactions.is_sent, 0)) as is_sent,
        max(coalesce(reactions.is_bounced, 0)) as is_bounced,
        max(coalesce(reactions.is_opened, 0)) as is_opened,
        max(coalesce(reactions.is_clicked, 0)) as is_clicked,
        max(coalesce(reactions.is_responded, 0)) as is_responded,
        max(coalesce(reactions.is_unsubscribed, 0)) as is_unsubscribed,
        max(coalesce(reactions.is_complained, 0)) as is_complained
    from contacts
    left semi join campaigns on contacts.campaign_id = campaigns.campaign_id
    left join mapped on contacts.record_id = mapped.record_id
    left join reactions
        on
            contacts.campaign_id = reactions.campaign_id
            and contacts.record_id = reactions.record_id
    group by contacts.campaign_id, coalesce(mapped.customer_id, contacts.campaign_contact_id)

),

bought_by_day as (

    select
        mapped.customer_id,
        purchases.order_date,
        sum(case when purchases.currency = $reporting_currency then purchases.net_amount else 0 end)
            as net_amount
    from purchases
    inner join mapped on purchases.record_id = mapped.record_id
    group by mapped.customer_id, purchases.order_date

),

buyers as (

    select
        chosen.campaign_id,
        chosen.person,
        sum(bought_by_day.net_amount) as net_amount
    from chosen
    inner join bought_by_day on chosen.person = bought_by_day.customer_id
    where
        bought_by_day.order_date > chosen.chosen_date
        and days_between(chosen.chosen_date, bought_by_day.order_date)
        <= $campaign_window_days
    group by chosen.campaign_id, chosen.person

),

followed as (

    select
        chosen.*,
        chosen.is_treated = 1 as was_treated,
        days_between(chosen.chosen_date, $run_date) >= $campaign_window_days as is_closed,
        buyers.person is not null as has_bought,
        coalesce(buyers.net_amount, 0) as bought_amount
    from chosen
    left join buyers
        on chosen.campaign_id = buyers.campaign_id and chosen.person = buyers.person

),

totals as (

    select
        campaign_id,
        count(case when was_treated then 1 end) as treated_count,
        count(case when not was_treated then 1 end) as control_count,
        count(case when was_treated and is_sent = 1 then 1 end) as sent_count,
        count(case when was_treated and is_bounced = 1 then 1 end) as bounced_count,
        count(case when was_treated and is_opened = 1 then 1 end) as opened_count,
        count(case when was_treated and is_clicked = 1 then 1 end) as clicked_count,
        count(case when was_treated and is_responded = 1 then 1 end) as responded_count,
        count(case when was_treated and is_unsubscribed = 1 then 1 end) as unsubscribed_count,
        count(case when was_treated and is_complained = 1 then 1 end) as complained_count,
        count(case when was_treated and is_closed then 1 end) as treated_closed_count,
        count(case when was_treated and is_closed and has_bought then 1 end)
            as treated_bought_count,
        count(case when not was_treated and is_closed then 1 end) as control_closed_count,
        count(case when not was_treated and is_closed and has_bought then 1 end)
            as control_bought_count,
        cast(
            sum(case when was_treated and is_closed then bought_amount else 0 end)
            as decimal(18, 4)
        ) as treated_bought_amount,
        cast(
            sum(case when not was_treated and is_closed then bought_amount else 0 end)
            as decimal(18, 4)
        ) as control_bought_amount,
        count(case when not is_closed then 1 end) = 0 as is_mature
    from followed
    group by campaign_id

),

bounded as (

    select
        totals.*,
        campaigns.channel,
        campaigns.first_chosen_date,
        campaigns.last_chosen_date,
        treated_closed_count > 0
        and control_closed_count > 0
        and treated_closed_count >= $minimum_sample_size
        and control_closed_count >= $minimum_sample_size as is_comparable,
        cast(treated_bought_count as double) / nullif(treated_closed_count, 0) as treated_share,
        cast(control_bought_count as double) / nullif(control_closed_count, 0) as control_share,
        wilson_lower(treated_bought_count, treated_closed_count, $confidence_z) as treated_lower,
        wilson_upper(treated_bought_count, treated_closed_count, $confidence_z) as treated_upper,
        wilson_lower(control_bought_count, control_closed_count, $confidence_z) as control_lower,
        wilson_upper(control_bought_count, control_closed_count, $confidence_z) as control_upper
    from totals
    inner join campaigns on totals.campaign_id = campaigns.campaign_id

),

campaign_results as (

    select
        campaign_id,
        channel,
        first_chosen_date,
        last_chosen_date,
        treated_count,
        control_count,
        sent_count,
        bounced_count,
        opened_count,
        clicked_count,
        responded_count,
        unsubscribed_count,
        complained_count,
        treated_closed_count,
        treated_bought_count,
        control_closed_count,
        control_bought_count,
        treated_bought_amount,
        control_bought_amount,
        cast(
            case
                when sent_count > 0 and sent_count >= $minimum_sample_size
                    then cast(opened_count as decimal(18, 6)) / sent_count
            end as decimal(9, 6)
        ) as opened_share,
        cast(
            case
                when sent_count > 0 and sent_count >= $minimum_sample_size
                    then cast(clicked_count as decimal(18, 6)) / sent_count
            end as decimal(9, 6)
        ) as clicked_share,
        cast(
            case
                when sent_count > 0 and sent_count >= $minimum_sample_size
                    then cast(responded_count as decimal(18, 6)) / sent_count
            end as decimal(9, 6)
        ) as responded_share,
        cast(
            case
                when sent_count > 0 and sent_count >= $minimum_sample_size
                    then cast(unsubscribed_count as decimal(18, 6)) / sent_count
            end as decimal(9, 6)
        ) as unsubscribed_share,
        cast(
            case
                when treated_closed_count > 0 and treated_closed_count >= $minimum_sample_size
                    then cast(treated_bought_count as decimal(18, 6)) / treated_closed_count
            end as decimal(9, 6)
        ) as treated_bought_share,
        cast(
            case
                when control_closed_count > 0 and control_closed_count >= $minimum_sample_size
                    then cast(control_bought_count as decimal(18, 6)) / control_closed_count
            end as decimal(9, 6)
        ) as control_bought_share,
        cast(
            case
                when is_comparable
                    then cast(treated_bought_count as decimal(18, 6)) / treated_closed_count
                        - cast(control_bought_count as decimal(18, 6)) / control_closed_count
            end as decimal(9, 6)
        ) as uplift,
        cast(
            case
                when sent_count > 0 and sent_count >= $minimum_sample_size
                    then wilson_lower(opened_count, sent_count, $confidence_z)
            end as decimal(9, 6)
        ) as opened_share_lower,
        cast(
            case
                when sent_count > 0 and sent_count >= $minimum_sample_size
                    then wilson_upper(opened_count, sent_count, $confidence_z)
            end as decimal(9, 6)
        ) as opened_share_upper,
        cast(
            case
                when sent_count > 0 and sent_count >= $minimum_sample_size
                    then wilson_lower(clicked_count, sent_count, $confidence_z)
            end as decimal(9, 6)
        ) as clicked_share_lower,
        cast(
            case
                when sent_count > 0 and sent_count >= $minimum_sample_size
                    then wilson_upper(clicked_count, sent_count, $confidence_z)
            end as decimal(9, 6)
        ) as clicked_share_upper,
        cast(
            case
                when sent_count > 0 and sent_count >= $minimum_sample_size
                    then wilson_lower(responded_count, sent_count, $confidence_z)
            end as decimal(9, 6)
        ) as responded_share_lower,
        cast(
            case
                when sent_count > 0 and sent_count >= $minimum_sample_size
                    then wilson_upper(responded_count, sent_count, $confidence_z)
            end as decimal(9, 6)
        ) as responded_share_upper,
        cast(
            case
                when sent_count > 0 and sent_count >= $minimum_sample_size
                    then wilson_lower(unsubscribed_count, sent_count, $confidence_z)
            end as decimal(9, 6)
        ) as unsubscribed_share_lower,
        cast(
            case
                when sent_count > 0 and sent_count >= $minimum_sample_size
                    then wilson_upper(unsubscribed_count, sent_count, $confidence_z)
            end as decimal(9, 6)
        ) as unsubscribed_share_upper,
        cast(
            case
                when treated_closed_count > 0 and treated_closed_count >= $minimum_sample_size
                    then wilson_lower(treated_bought_count, treated_closed_count, $confidence_z)
            end as decimal(9, 6)
        ) as treated_bought_share_lower,
        cast(
            case
                when treated_closed_count > 0 and treated_closed_count >= $minimum_sample_size
                    then wilson_upper(treated_bought_count, treated_closed_count, $confidence_z)
            end as decimal(9, 6)
        ) as treated_bought_share_upper,
        cast(
            case
                when control_closed_count > 0 and control_closed_count >= $minimum_sample_size
                    then wilson_lower(control_bought_count, control_closed_count, $confidence_z)
            end as decimal(9, 6)
        ) as control_bought_share_lower,
        cast(
            case
                when control_closed_count > 0 and control_closed_count >= $minimum_sample_size
                    then wilson_upper(control_bought_count, control_closed_count, $confidence_z)
            end as decimal(9, 6)
        ) as control_bought_share_upper,
        cast(
            case
                when is_comparable
                    then treated_share - control_share
                        - sqrt(
                            power(treated_share - treated_lower, 2)
                            + power(control_upper - control_share, 2)
                        )
            end as decimal(9, 6)
        ) as uplift_lower,
        cast(
            case
                when is_comparable
                    then treated_share - control_share
                        + sqrt(
                            power(treated_upper - treated_share, 2)
                            + power(control_share - control_lower, 2)
                        )
            end as decimal(9, 6)
        ) as uplift_upper,
        is_mature
    from bounded

)

select * from campaign_results
order by campaign_id, channel
