-- Grain: one row per window and segment; `all` is the total over segments.
-- Null share = too few customers of whom anything is known; zero = no advocate among them.
with

windows as (

    select 28 as window_days
    union all
    select 90 as window_days

),

answers as (

    select response_id, record_id, nps_group, response_date, responded_at
    from marts.survey_responses
    where
        dt > $run_date - interval '90 days'
        and dt <= $run_date
        and nps_group is not null
        and record_id is not null

),

posts as (

    select
        record_id,
        mention_date as post_date,
        rating_share,
        sentiment
    from marts.mentions
    where
        dt > $run_date - interval '90 days'
        and dt <= $run_date
        and record_id is not null
        and (rating_share is not null or sentiment is not null)
    union all
    select
        record_id,
        review_date as post_date,
        rating_share,
        sentiment
    from marts.reviews
    where
        dt > $run_date - interval '90 days'
        and dt <= $run_date
        and record_id is not null
        and (rating_share is not null or sentiment is not null)
    union all
    select
        record_id,
        post_date,
        cast(null as decimal(9, 6)) as rating_share,
        sentiment
    from marts.community_posts
    where
        dt > $run_date - interval '90 days'
        and dt <= $run_date
        and record_id is not null
        and sentiment is not null
        and not is_staff

),

referrals as (

    select record_id, referred_record_id, referral_date
    from marts.referrals
    where
        dt > $run_date - interval '90 days'
        and dt <= $run_date
        and record_id is not null

),

mapped as (

    select record_id, customer_id
    from identity.identity_map
    where dt = $run_date

),

customers as (

    select
        customer_id,
        coalesce(segment, 'unknown') as segment
    from marts.customers
    where dt = $run_date

),

ranked_answers as (

    select
        windows.window_days,
        mapped.customer_id,
        answers.nps_group,
        row_number() over (
            partition by windows.window_days, mapped.customer_id
            order by
                answers.response_date desc,
                answers.responded_at desc nulls last,
                answers.response_id desc
        ) as recency
    from answers
    inner join mapped on answers.record_id = mapped.record_id
    inner join windows
        on
            days_between(answers.response_date, $run_date) < windows.window_days
            and answers.response_date <= $run_date

),

-- A rating says more than the words beside it: 4 and 5 of 5 are good, 1 and 2 are bad.
judged_posts as (

    select
        record_id,
        post_date,
        case
            when rating_share is not null
                then case when rating_share >= 0.75 then 1 when rating_share < 0.5 then -1 else 0 end
            when sentiment >= 0.05 then 1
            when sentiment <= -0.05 then -1
            else 0
        end as valence
    from posts

),

posters as (

    select
        windows.window_days,
        mapped.customer_id,
        sum(judged_posts.valence) as valence_sum
    from judged_posts
    inner join mapped on judged_posts.record_id = mapped.record_id
    inner join windows
        on
            days_between(judged_posts.post_date, $run_date) < windows.window_days
            and judged_posts.post_date <= $run_date
    group by windows.window_days, mapped.customer_id

),

-- Nobody recommends the brand to themselves, by whichever of their records.
referrers as (

    select
        windows.window_days,
        mapped.customer_id
    from referrals
    inner join mapped on referrals.record_id = mapped.record_id
    left join mapped as friends on referrals.referred_record_id = friends.record_id
    inner join windows
        on
            days_between(referrals.referral_date, $run_date) < windows.window_days
            and referrals.referral_date <= $run_date
    where
        coalesce(referrals.referred_record_id <> referrals.record_id, true)
        and coalesce(friends.customer_id <> mapped.customer_id, true)
    group by windows.window_days, mapped.customer_id

),

signals as (

    select window_days, customer_id, nps_group, 0 as valence_sum, 0 as is_referrer
    from ranked_answers
    where recency = 1
    union all
    select
        window_days,
        customer_id,
        cast(null as varchar) as nps_group,
        valence_sum,
        0 as is_referrer
    from posters
    union all
    select
        window_days,
        customer_id,
        cast(null as varchar) as nps_group,
        0 as valence_sum,
        1 as is_referrer
    from referrers

),

observed as (

    select
        window_days,
        customer_id,
        max(nps_group) as nps_group,
        sum(valence_sum) as valence_sum,
        max(is_referrer) as is_referrer
    from signals
    group by window_days, customer_id

),

judged as (

    select
        observed.window_days,
        customers.segment,
        coalesce(observed.nps_group = 'promoter', false) as is_promoter,
        coalesce(observed.nps_group = 'detractor', false) as is_detractor,
        observed.valence_sum > 0 as is_positive_poster,
        observed.valence_sum < 0 as is_negative_poster,
        observed.is_referrer = 1 as is_referrer
    from observed
    inner join customers on observed.customer_id = customers.customer_id

),

segments as (

    select
        segment,
        count(*) as customer_count
    from customers
    group by segment

),

parts as (

    select
        windows.window_days,
        segments.segment,
        segments.customer_count,
        0 as observed_count,
        0 as promoter_count,
        0 as detractor_count,
        0 as positive_poster_count,
        0 as negative_poster_count,
        0 as referrer_count,
        0 as advocate_count,
        0 as negative_advocate_count,
        0 as mixed_count
    from segments
    cross join windows
    union all
    select
        window_days,
        segment,
        0 as customer_count,
        count(*) as observed_count,
        sum(case when is_promoter then 1 else 0 end) as promoter_count,
        sum(case when is_detractor then 1 else 0 end) as detractor_count,
        sum(case when is_positive_poster then 1 else 0 end) as positive_poster_count,
        sum(case when is_negative_poster then 1 else 0 end) as negative_poster_count,
        sum(case when is_referrer then 1 else 0 end) as referrer_count,
        sum(case when is_promoter or is_positive_poster or is_referrer then 1 else 0 end)
            as advocate_count,
        sum(case when is_detractor or is_negative_poster then 1 else 0 end)
            as negative_advocate_count,
        sum(
            case
                when
                    (is_promoter or is_positive_poster or is_referrer)
                    and (is_detractor or is_negative_poster)
                    then 1
                else 0
            end
        ) as mixed_count
    from judged
    group by window_days, segment

),

counted as (

    select
        window_days,
        case when grouping(segment) = 1 then 'all' else segment end as segment,
        sum(customer_count) as customer_count,
        sum(observed_count) as observed_count,
        sum(promoter_count) as promoter_count,
        sum(detractor_count) as detractor_count,
        sum(positive_poster_count) as positive_poster_count,
        sum(negative_poster_count) as negative_poster_count,
        sum(referrer_count) as referrer_count,
        sum(advocate_count) as advocate_count,
        sum(negative_advocate_count) as negative_advocate_count,
        sum(mixed_count) as mixed_count
    from parts
    group by grouping sets ((window_days, segment), (window_days))

),

totals as (

    select
        counted.*,
        days_between($first_input_date, $run_date) >= counted.window_days - 1 as is_mature
    from counted

),

advocacy as (

    select
        window_days,
        segment,
        customer_count,
        observed_count,
        promoter_count,
        detractor_count,
        positive_poster_count,
        negative_poster_count,
        referrer_count,
        advocate_count,
        negative_advocate_count,
        mixed_count,
        cast(
            case
                when observed_count > 0 and observed_count >= $minimum_sample_size
                    then cast(advocate_count as decimal(18, 6)) / observed_count
            end
            as decimal(9, 6)
        ) as advocacy_share,
        cast(
            case
                when observed_count > 0 and observed_count >= $minimum_sample_size
                    then wilson_lower(advocate_count, observed_count, $confidence_z)
            end
            as decimal(9, 6)
        ) as advocacy_share_lower,
        cast(
            case
                when observed_count > 0 and observed_count >= $minimum_sample_size
                    then wilson_upper(advocate_count, observed_count, $confidence_z)
            end
            as decimal(9, 6)
        ) as advocacy_share_upper,
        cast(
            case
                when observed_count > 0 and observed_count >= $minimum_sample_size
                    then cast(negative_advocate_count as decimal(18, 6)) / observed_count
            end
            as decimal(9, 6)
        ) as negative_advocacy_share,
        cast(
            case
                when observed_count > 0 and observed_count >= $minimum_sample_size
                    then wilson_lower(negative_advocate_count, observed_count, $confidence_z)
            end
            as decimal(9, 6)
        ) as negative_advocacy_share_lower,
        cast(
            case
                when observed_count > 0 and observed_count >= $minimum_sample_size
                    then wilson_upper(negative_advocate_count, observed_count, $confidence_z)
            end
            as decimal(9, 6)
        ) as negative_advocacy_share_upper,
        cast(
            case
                when customer_count > 0 and customer_count >= $minimum_sample_size
                    then cast(observed_count as decimal(18, 6)) / customer_count
            end
            as decimal(9, 6)
        ) as coverage_share,
        is_mature
    from totals

)

select * from advocacy
order by window_days, segment
