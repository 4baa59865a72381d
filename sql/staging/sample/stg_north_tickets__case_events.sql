-- Grain: one row per thing that happened to a ticket of North's and was not known yesterday.
-- North's export has the ticket's state alone: its first reply, its last solution, how often it
-- was reopened and its rating, which are events on the day they appear or change.
with

ranked as (

    select
        *,
        row_number() over (
            partition by ticket
            order by updated desc, source_file desc, source_row desc
        ) as recency
    from raw.north_tickets
    where dt = $run_date

),

states_yesterday as (

    select *
    from staging.north_ticket_states
    where dt = $run_date - interval '1 day'

),

compared as (

    select
        ranked.*,
        normalize_email(ranked.customer_email) as email,
        states_yesterday.first_reply as known_first_reply,
        states_yesterday.solved as known_solved,
        coalesce(states_yesterday.reopened, 0) as known_reopened,
        states_yesterday.stars as known_stars
    from ranked
    left join states_yesterday on ranked.ticket = states_yesterday.ticket
    where ranked.recency = 1

),

happened as (

    select
        *,
        ticket || '-reply' as event_number,
        'reply' as event_kind,
        'agent' as author_kind,
        true as is_public,
        first_reply as happened_at,
        cast(null as bigint) as score
    from compared
    where first_reply is not null and known_first_reply is null
    union all
    select
        *,
        ticket || '-solved-' || to_char(solved, '%Y%m%dT%H%M') as event_number,
        'solved' as event_kind,
        'agent' as author_kind,
        true as is_public,
        solved as happened_at,
        cast(null as bigint) as score
    from compared
    where solved is not null and (known_solved is null or known_solved <> solved)
    union all
    select
        *,
        ticket || '-reopened-' || cast(reopened as varchar) as event_number,
        'reopened' as event_kind,
        'customer' as author_kind,
        true as is_public,
        -- When it was reopened, the export does not say.
        arrow_cast(null, 'Timestamp(Microsecond, Some("UTC"))') as happened_at,
        cast(null as bigint) as score
    from compared
    where reopened > known_reopened
    union all
    select
        *,
        ticket || '-rated-' || to_char(updated, '%Y%m%dT%H%M') as event_number,
        'rated' as event_kind,
        'customer' as author_kind,
        true as is_public,
        updated as happened_at,
        stars as score
    from compared
    where stars is not null and (known_stars is null or known_stars <> stars)

),

renamed as (

    select
        'north:' || event_number as event_id,
        'north' as source,
        case
            when customer_id is not null then 'north:' || customer_id
            else 'north:guest-' || md5(email)
        end as record_id,
        'north:' || customer_id as customer_number,
        email,
        'case:' || ticket as case_id,
        via as channel,
        event_kind,
        author_kind,
        is_public,
        happened_at,
        business_date(coalesce(happened_at, updated), $time_zone) as event_date,
        cast(score as decimal(9, 2)) as rating,
        case when score is not null then cast(1 as decimal(9, 2)) end as scale_min,
        case when score is not null then cast(5 as decimal(9, 2)) end as scale_max
    from happened

)

select * from renamed
order by event_id
