-- Grain: one row per entity and source that ever fed it; of `exports`, per source that is or was
-- declared, whether it ever delivered or not.
-- Zero facts: the source fed nothing on the day. Null days fed: it never did.
with

known as (

    select
        entity, source, is_about_people, first_known_date, first_fed_date, last_fed_date,
        last_event_date
    from marts.source_activity
    where dt = $run_date - interval '1 day'

),

facts as (

    select
        'campaign_contacts' as entity,
        source,
        record_id,
        true as is_about_people,
        chosen_date as event_date
    from staging.campaign_contacts
    where dt = $run_date
    union all
    select
        'campaign_events' as entity,
        source,
        record_id,
        true as is_about_people,
        event_date as event_date
    from staging.campaign_events
    where dt = $run_date
    union all
    select
        'case_events' as entity,
        source,
        record_id,
        true as is_about_people,
        event_date as event_date
    from staging.case_events
    where dt = $run_date
    union all
    select
        'cases' as entity,
        source,
        record_id,
        true as is_about_people,
        coalesce(business_date(updated_at, $time_zone), opened_date) as event_date
    from staging.cases
    where dt = $run_date
    union all
    select
        'community_posts' as entity,
        source,
        record_id,
        true as is_about_people,
        post_date as event_date
    from staging.community_posts
    where dt = $run_date
    union all
    select
        'consents' as entity,
        source,
        record_id,
        true as is_about_people,
        decided_date as event_date
    from staging.consents
    where dt = $run_date
    union all
    select
        'contacts' as entity,
        source,
        record_id,
        true as is_about_people,
        business_date(updated_at, $time_zone) as event_date
    from staging.contacts
    where dt = $run_date
    union all
    select
        'device_events' as entity,
        source,
        record_id,
        true as is_about_people,
        event_date as event_date
    from staging.device_events
    where dt = $run_date
    union all
    select
        'identifier_links' as entity,
        source,
        record_id,
        true as is_about_people,
        link_date as event_date
    from staging.identifier_links
    where dt = $run_date
    union all
    select
        'loyalty_entries' as entity,
        source,
        record_id,
        true as is_about_people,
        entry_date as event_date
    from staging.loyalty_entries
    where dt = $run_date
    union all
    select
        'mentions' as entity,
        source,
        record_id,
        true as is_about_people,
        mention_date as event_date
    from staging.mentions
    where dt = $run_date
    union all
    select
        'orders' as entity,
        source,
        record_id,
        true as is_about_people,
        order_date as event_date
    from staging.orders
    where dt = $run_date
    union all
    select
        'payments' as entity,
        source,
        record_id,
        true as is_about_people,
        payment_date as event_date
    from staging.payments
    where dt = $run_date
    union all
    select
        'referrals' as entity,
        source,
        record_id,
        true as is_about_people,
        referral_date as event_date
    from staging.referrals
    where dt = $run_date
    union all
    select
        'refunds' as entity,
        source,
        record_id,
        true as is_about_people,
        refund_date as event_date
    from staging.refunds
    where dt = $run_date
    union all
    select
        'reviews' as entity,
        source,
        record_id,
        true as is_about_people,
        review_date as event_date
    from staging.reviews
    where dt = $run_date
    union all
    select
        'survey_responses' as entity,
        source,
        record_id,
        true as is_about_people,
        response_date as event_date
    from staging.survey_responses
    where dt = $run_date
    union all
    select
        'web_events' as entity,
        source,
        record_id,
        true as is_about_people,
        event_date as event_date
    from staging.web_events
    where dt = $run_date
    union all
    select
        'competitor_mentions' as entity,
        source,
        cast(null as varchar) as record_id,
        false as is_about_people,
        mention_date as event_date
    from staging.competitor_mentions
    where dt = $run_date
    union all
    select
        'marketing_spend' as entity,
        source,
        cast(null as varchar) as record_id,
        false as is_about_people,
        spend_date as event_date
    from staging.marketing_spend
    where dt = $run_date
    union all
    select
        'order_lines' as entity,
        source,
        cast(null as varchar) as record_id,
        false as is_about_people,
        order_date as event_date
    from staging.order_lines
    where dt = $run_date
    union all
    select
        'products' as entity,
        source,
        cast(null as varchar) as record_id,
        false as is_about_people,
        business_date(updated_at, $time_zone) as event_date
    from staging.products
    where dt = $run_date

),

mapped as (

    select record_id, source, customer_id
    from identity.identity_map
    where dt = $run_date

),

customer_sources as (

    select customer_id, source
    from mapped
    group by customer_id, source

),

sources_by_customer as (

    select
        customer_id,
        count(*) as source_count
    from customer_sources
    group by customer_id

),

linked_records as (

    select mapped.record_id
    from mapped
    inner join sources_by_customer on mapped.customer_id = sources_by_customer.customer_id
    where sources_by_customer.source_count > 1

),

counted as (

    select
        facts.entity,
        facts.source,
        max(facts.is_about_people) as is_about_people,
        true as is_fed,
        count(*) as fact_count,
        count(facts.record_id) as identified_count,
        count(linked_records.record_id) as linked_count,
        count(case when facts.event_date < $run_date then 1 end) as late_count,
        count(case when facts.event_date > $run_date then 1 end) as early_count,
        0 as judged_count,
        0 as quarantined_count,
        0 as duplicate_count,
        max(facts.event_date) as last_event_date
    from facts
    left join linked_records on facts.record_id = linked_records.record_id
    group by facts.entity, facts.source

),

-- What came before any of it became a fact. Repeats of what was delivered already are neither good
-- nor bad. A source without a file is there too: that nothing ever came of it must be seen.
exported as (

    select
        'exports' as entity,
        source,
        false as is_about_people,
        file_count > 0 as is_fed,
        read_row_count as fact_count,
        0 as identified_count,
        0 as linked_count,
        0 as late_count,
        0 as early_count,
        accepted_row_count + quarantined_row_count as judged_count,
        quarantined_row_count as quarantined_count,
        duplicate_row_count as duplicate_count,
        cast(null as date) as last_event_date
    from staging.export_accounting
    where dt = $run_date

),

fed as (

    select * from counted
    union all
    select * from exported

),

activity as (

    select
        coalesce(fed.entity, known.entity) as entity,
        coalesce(fed.source, known.source) as source,
        coalesce(fed.is_about_people, known.is_about_people) as is_about_people,
        coalesce(fed.fact_count, 0) as fact_count,
        coalesce(fed.identified_count, 0) as identified_count,
        coalesce(fed.linked_count, 0) as linked_count,
        coalesce(fed.late_count, 0) as late_count,
        coalesce(fed.early_count, 0) as early_count,
        coalesce(fed.judged_count, 0) as judged_count,
        coalesce(fed.quarantined_count, 0) as quarantined_count,
        coalesce(fed.duplicate_count, 0) as duplicate_count,
        coalesce(known.first_known_date, $run_date) as first_known_date,
        coalesce(known.first_fed_date, case when fed.is_fed then $run_date end) as first_fed_date,
        case when fed.is_fed then $run_date else known.last_fed_date end as last_fed_date,
        greatest(fed.last_event_date, known.last_event_date) as last_event_date
    from fed
    full join known on fed.entity = known.entity and fed.source = known.source

)

select * from activity
order by entity, source
