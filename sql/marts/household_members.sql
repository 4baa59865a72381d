-- Grain: one row per customer who belongs to a household: one family name at one address.
-- An id goes on with most of those who had it yesterday; a household of nobody's is a new one.
with

keyed as (

    select customer_id, customer_since, household_key
    from marts.customer_profiles
    where dt = $run_date and household_key is not null

),

known as (

    select customer_id, household_id, household_since, member_since
    from marts.household_members
    where dt = $run_date - interval '1 day'

),

merges as (

    select customer_id, other_customer_id
    from identity.identity_events
    where dt = $run_date and event_kind = 'merge'

),

counted as (

    select
        household_key,
        count(*) as member_count,
        first_value(customer_id order by customer_since, customer_id) as founder_id
    from keyed
    group by household_key

),

-- A block of flats whose numbers are missing is no household.
households as (

    select *
    from counted
    where member_count <= $maximum_household_size

),

known_today as (

    -- Of two that became one customer, the one who was a member longer.
    select
        coalesce(merges.other_customer_id, known.customer_id) as customer_id,
        first_value(known.household_id order by known.member_since, known.customer_id)
            as household_id,
        first_value(known.household_since order by known.member_since, known.customer_id)
            as household_since,
        min(known.member_since) as member_since
    from known
    left join merges on known.customer_id = merges.customer_id
    group by coalesce(merges.other_customer_id, known.customer_id)

),

claims as (

    select
        keyed.household_key,
        known_today.household_id,
        known_today.household_since,
        count(*) as claim_count
    from keyed
    inner join households on keyed.household_key = households.household_key
    inner join known_today on keyed.customer_id = known_today.customer_id
    group by
        keyed.household_key, known_today.household_id, known_today.household_since

),

-- An id goes to one address, and an address takes one id.
claims_of_ids as (

    select
        *,
        row_number() over (
            partition by household_id
            order by claim_count desc, household_key
        ) as place
    from claims

),

claims_of_keys as (

    select
        *,
        row_number() over (
            partition by household_key
            order by claim_count desc, household_since, household_id
        ) as choice
    from claims_of_ids
    where place = 1

),

named as (

    select
        households.household_key,
        coalesce(
            claims_of_keys.household_id,
            concat(
                'h_',
                substr(
                    encode(
                        sha256(
                            concat(households.founder_id, ':', cast($run_date as varchar))
                        ),
                        'hex'
                    ),
                    1, 26
                )
            )
        ) as household_id,
        coalesce(claims_of_keys.household_since, $run_date) as household_since
    from households
    left join claims_of_keys
        on
            households.household_key = claims_of_keys.household_key
            and claims_of_keys.choice = 1

),

members as (

    select
        keyed.customer_id,
        named.household_id,
        named.household_since,
        case
            when named.household_id = known_today.household_id then known_today.member_since
            else $run_date
        end as member_since
    from keyed
    inner join named on keyed.household_key = named.household_key
    left join known_today on keyed.customer_id = known_today.customer_id

)

select * from members
order by customer_id
