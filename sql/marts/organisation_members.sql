-- Grain: one row per customer who acts for an organisation.
-- By the organisation's name, or by an e-mail domain that is one organisation's alone. An id goes on
-- with most of those who had it yesterday; an organisation of nobody's is a new one.
with

profiles as (

    select
        customer_id,
        customer_since,
        -- The legal form says little of who it is: Acme Ltd is Acme.
        nullif(
            trim(
                regexp_replace(
                    concat(
                        regexp_replace(
                            lower(organisation_name), '[^\p{L}\p{N}]+', ' ', 'g'
                        ),
                        ' '
                    ),
                    '( (ltd|limited|plc|inc|incorporated|llc|llp|corp|corporation|company|co|gmbh|ag|kg|ug|sa|sas|sarl|srl|spa|bv|nv|ab|oy|aps|pty))+ +$',
                    ' '
                )
            ),
            ''
        ) as name_key,
        nullif(split_part(email, '@', 2), '') as domain
    from marts.customer_profiles
    where dt = $run_date

),

known as (

    select customer_id, organisation_id, organisation_since, member_since
    from marts.organisation_members
    where dt = $run_date - interval '1 day'

),

merges as (

    select customer_id, other_customer_id
    from identity.identity_events
    where dt = $run_date and event_kind = 'merge'

),

domains as (

    select domain, count(*) as customer_count
    from profiles
    where domain is not null
    group by domain

),

named_domains as (

    select domain, name_key, count(*) as named_count
    from profiles
    where domain is not null and name_key is not null
    group by domain, name_key

),

-- A domain is an organisation's where two or more customers, and most of all who have it, name the
-- same one. No provider of free addresses is.
own_domains as (

    select named_domains.domain, named_domains.name_key
    from named_domains
    inner join domains on named_domains.domain = domains.domain
    where
        named_domains.named_count >= 2
        and named_domains.named_count * 2 > domains.customer_count

),

keyed as (

    select
        profiles.customer_id,
        profiles.customer_since,
        coalesce(profiles.name_key, own_domains.name_key) as organisation_key,
        case when profiles.name_key is not null then 'name' else 'email_domain' end as linked_by
    from profiles
    left join own_domains on profiles.domain = own_domains.domain
    where coalesce(profiles.name_key, own_domains.name_key) is not null

),

organisations as (

    select
        organisation_key,
        first_value(customer_id order by customer_since, customer_id) as founder_id
    from keyed
    group by organisation_key

),

known_today as (

    -- Of two that became one customer, the one who was a member longer.
    select
        coalesce(merges.other_customer_id, known.customer_id) as customer_id,
        first_value(known.organisation_id order by known.member_since, known.customer_id)
            as organisation_id,
        first_value(known.organisation_since order by known.member_since, known.customer_id)
            as organisation_since,
        min(known.member_since) as member_since
    from known
    left join merges on known.customer_id = merges.customer_id
    group by coalesce(merges.other_customer_id, known.customer_id)

),

claims as (

    select
        keyed.organisation_key,
        known_today.organisation_id,
        known_today.organisation_since,
        count(*) as claim_count
    from keyed
    inner join known_today on keyed.customer_id = known_today.customer_id
    group by
        keyed.organisation_key, known_today.organisation_id, known_today.organisation_since

),

-- An id goes to one name, and a name takes one id.
claims_of_ids as (

    select
        *,
        row_number() over (
            partition by organisation_id
            order by claim_count desc, organisation_key
        ) as place
    from claims

),

claims_of_keys as (

    select
        *,
        row_number() over (
            partition by organisation_key
            order by claim_count desc, organisation_since, organisation_id
        ) as choice
    from claims_of_ids
    where place = 1

),

named as (

    select
        organisations.organisation_key,
        coalesce(
            claims_of_keys.organisation_id,
            concat(
                'o_',
                substr(
                    encode(
                        sha256(
                            concat(organisations.founder_id, ':', cast($run_date as varchar))
                        ),
                        'hex'
                    ),
                    1, 26
                )
            )
        ) as organisation_id,
        coalesce(claims_of_keys.organisation_since, $run_date) as organisation_since
    from organisations
    left join claims_of_keys
        on
            organisations.organisation_key = claims_of_keys.organisation_key
            and claims_of_keys.choice = 1

),

members as (

    select
        keyed.customer_id,
        named.organisation_id,
        named.organisation_since,
        case
            when named.organisation_id = known_today.organisation_id
                then known_today.member_since
            else $run_date
        end as member_since,
        keyed.linked_by
    from keyed
    inner join named on keyed.organisation_key = named.organisation_key
    left join known_today on keyed.customer_id = known_today.customer_id

)

select * from members
order by customer_id
