-- Grain: one row per customer and field that changed since yesterday.
-- Null is not known: from null, a value became known; to null, it is no longer.
with

today as (

    select
        customer_id,
        full_name, given_name, family_name, birth_date, gender, address_line, city, region,
        postcode, organisation_name, email, phone, loyalty_id, title, language, country,
        household_id, organisation_id, consent_marketing_email, consent_marketing_sms,
        consent_marketing_phone, consent_marketing_post, consent_marketing_push, consent_profiling,
        consent_research, is_member, segment, loyalty_tier, nps_group, emotion, word_of_mouth,
        life_cycle_stage, next_best_action
    from marts.customers
    where dt = $run_date

),

yesterday as (

    select
        customer_id,
        full_name, given_name, family_name, birth_date, gender, address_line, city, region,
        postcode, organisation_name, email, phone, loyalty_id, title, language, country,
        household_id, organisation_id, consent_marketing_email, consent_marketing_sms,
        consent_marketing_phone, consent_marketing_post, consent_marketing_push, consent_profiling,
        consent_research, is_member, segment, loyalty_tier, nps_group, emotion, word_of_mouth,
        life_cycle_stage, next_best_action
    from marts.customers
    where dt = $run_date - interval '1 day'

),

merges as (

    select customer_id, other_customer_id
    from identity.identity_events
    where dt = $run_date and event_kind = 'merge'

),

-- Only customers with a change are unfolded into fields.
changed as (

    select
        today.customer_id,
        unnest(make_array(
            'full_name', 'given_name', 'family_name', 'birth_date', 'gender', 'address_line',
            'city', 'region', 'postcode', 'organisation_name', 'email', 'phone', 'loyalty_id',
            'title', 'language', 'country', 'household_id', 'organisation_id',
            'consent_marketing_email', 'consent_marketing_sms', 'consent_marketing_phone',
            'consent_marketing_post', 'consent_marketing_push', 'consent_profiling',
            'consent_research', 'is_member', 'segment', 'loyalty_tier', 'nps_group', 'emotion',
            'word_of_mouth', 'life_cycle_stage', 'next_best_action'
        )) as field,
        unnest(make_array(
            yesterday.full_name, yesterday.given_name, yesterday.family_name,
            cast(yesterday.birth_date as varchar), yesterday.gender, yesterday.address_line,
            yesterday.city, yesterday.region, yesterday.postcode, yesterday.organisation_name,
            yesterday.email, yesterday.phone, yesterday.loyalty_id, yesterday.title,
            yesterday.language, yesterday.country, yesterday.household_id,
            yesterday.organisation_id, cast(yesterday.consent_marketing_email as varchar),
            cast(yesterday.consent_marketing_sms as varchar),
            cast(yesterday.consent_marketing_phone as varchar),
            cast(yesterday.consent_marketing_post as varchar),
            cast(yesterday.consent_marketing_push as varchar),
            cast(yesterday.consent_profiling as varchar),
            cast(yesterday.consent_research as varchar), cast(yesterday.is_member as varchar),
            yesterday.segment, yesterday.loyalty_tier, yesterday.nps_group,
            -- What may not be known any more is not told as what it was.
            case when today.consent_profiling then yesterday.emotion end,
            yesterday.word_of_mouth, yesterday.life_cycle_stage, yesterday.next_best_action
        )) as old_value,
        unnest(make_array(
            today.full_name, today.given_name, today.family_name, cast(today.birth_date as varchar),
            today.gender, today.address_line, today.city, today.region, today.postcode,
            today.organisation_name, today.email, today.phone, today.loyalty_id, today.title,
            today.language, today.country, today.household_id, today.organisation_id,
            cast(today.consent_marketing_email as varchar),
            cast(today.consent_marketing_sms as varchar),
            cast(today.consent_marketing_phone as varchar),
            cast(today.consent_marketing_post as varchar),
            cast(today.consent_marketing_push as varchar), cast(today.consent_profiling as varchar),
            cast(today.consent_research as varchar), cast(today.is_member as varchar),
            today.segment, today.loyalty_tier, today.nps_group, today.emotion, today.word_of_mouth,
            today.life_cycle_stage, today.next_best_action
        )) as new_value,
        unnest(make_array(
            true, true, true, true, true, true, true, true, true, true, true, true, true, false,
            false, false, false, false, false, false, false, false, false, false, false, false,
            false, false, false, false, false, false, false
        )) as is_personal
    from today
    inner join yesterday on today.customer_id = yesterday.customer_id
    where
        (
            (today.full_name is distinct from yesterday.full_name)
            or (today.given_name is distinct from yesterday.given_name)
            or (today.family_name is distinct from yesterday.family_name)
            or (today.birth_date is distinct from yesterday.birth_date)
            or (today.gender is distinct from yesterday.gender)
            or (today.address_line is distinct from yesterday.address_line)
            or (today.city is distinct from yesterday.city)
            or (today.region is distinct from yesterday.region)
            or (today.postcode is distinct from yesterday.postcode)
            or (today.organisation_name is distinct from yesterday.organisation_name)
            or (today.email is distinct from yesterday.email)
            or (today.phone is distinct from yesterday.phone)
            or (today.loyalty_id is distinct from yesterday.loyalty_id)
            or (today.title is distinct from yesterday.title)
            or (today.language is distinct from yesterday.language)
            or (today.country is distinct from yesterday.country)
            or (today.household_id is distinct from yesterday.household_id)
            or (today.organisation_id is distinct from yesterday.organisation_id)
            or (today.consent_marketing_email is distinct from yesterday.consent_marketing_email)
            or (today.consent_marketing_sms is distinct from yesterday.consent_marketing_sms)
            or (today.consent_marketing_phone is distinct from yesterday.consent_marketing_phone)
            or (today.consent_marketing_post is distinct from yesterday.consent_marketing_post)
            or (today.consent_marketing_push is distinct from yesterday.consent_marketing_push)
            or (today.consent_profiling is distinct from yesterday.consent_profiling)
            or (today.consent_research is distinct from yesterday.consent_research)
            or (today.is_member is distinct from yesterday.is_member)
            or (today.segment is distinct from yesterday.segment)
            or (today.loyalty_tier is distinct from yesterday.loyalty_tier)
            or (today.nps_group is distinct from yesterday.nps_group)
            or (today.consent_profiling and today.emotion is distinct from yesterday.emotion)
            or (today.word_of_mouth is distinct from yesterday.word_of_mouth)
            or (today.life_cycle_stage is distinct from yesterday.life_cycle_stage)
            or (today.next_best_action is distinct from yesterday.next_best_action)
        )

),

appeared as (

    select today.customer_id
    from today
    left anti join yesterday on today.customer_id = yesterday.customer_id

),

changes as (

    select customer_id, 'changed' as change_kind, field, old_value, new_value, is_personal
    from changed
    where (old_value is distinct from new_value)
    union all
    select
        customer_id,
        'created' as change_kind,
        'customer_id' as field,
        cast(null as varchar) as old_value,
        customer_id as new_value,
        false as is_personal
    from appeared
    union all
    select
        customer_id,
        'merged' as change_kind,
        'customer_id' as field,
        customer_id as old_value,
        other_customer_id as new_value,
        false as is_personal
    from merges

)

select * from changes
order by customer_id, field
