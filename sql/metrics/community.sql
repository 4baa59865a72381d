-- Grain: one row per day of the contribution, topic and segment; `all` is a total. A question that
-- is answered counts as answered on its own day, up to 28 days later.
-- Null share = too few questions.
with

posts as (

    select
        *,
        coalesce(topic, 'unknown') as known_topic,
        post_kind = 'answer' as is_answer,
        post_kind = 'answer' and not is_staff as is_peer_answer
    from marts.community_posts
    where dt > $run_date - interval '28 days' and dt <= $run_date

),

contributions as (

    select
        post_date,
        known_topic as topic,
        segment,
        case when post_kind = 'question' then 1 else 0 end as question_count,
        case when is_answer then 1 else 0 end as answer_count,
        case when is_peer_answer then 1 else 0 end as peer_answer_count,
        case when is_answer and is_accepted then 1 else 0 end as accepted_count,
        case when post_kind = 'idea' then 1 else 0 end as idea_count,
        case when post_kind = 'vote' then 1 else 0 end as vote_count,
        case when post_kind = 'comment' then 1 else 0 end as comment_count,
        0 as answered_question_count,
        0 as peer_answered_question_count,
        0 as timed_answer_count,
        cast(null as bigint) as first_answer_minutes,
        case when not is_staff then customer_id end as contributor_id
    from posts
    where dt = $run_date

),

questions as (

    select
        post_id, record_id, customer_id, post_date, posted_at, known_topic as topic, segment,
        dt as known_date
    from posts
    where post_kind = 'question'

),

-- What askers add to their own questions answers none of them.
answers as (

    select
        posts.parent_id,
        min(posts.dt) as first_known_date,
        min(case when posts.is_peer_answer then posts.dt end) as first_peer_known_date,
        min(posts.posted_at) as first_answer_at
    from posts
    inner join questions on posts.parent_id = questions.post_id
    where
        posts.is_answer
        and not coalesce(posts.record_id = questions.record_id, false)
        and not coalesce(posts.customer_id = questions.customer_id, false)
    group by posts.parent_id

),

-- A question and its first answer are a pair on the day on which the later of the two arrived.
pairs as (

    select
        questions.post_date,
        questions.topic,
        questions.segment,
        greatest(questions.known_date, answers.first_known_date) = $run_date as is_answered_now,
        coalesce(
            greatest(
                questions.known_date,
                coalesce(answers.first_peer_known_date, $run_date + interval '1 day')
            ) = $run_date,
            false
        ) as is_peer_answered_now,
        case
            when answers.first_answer_at >= questions.posted_at
                then seconds_between(questions.posted_at, answers.first_answer_at) / 60
        end as first_answer_minutes
    from questions
    inner join answers on questions.post_id = answers.parent_id

),

answered as (

    select
        post_date,
        topic,
        segment,
        0 as question_count,
        0 as answer_count,
        0 as peer_answer_count,
        0 as accepted_count,
        0 as idea_count,
        0 as vote_count,
        0 as comment_count,
        case when is_answered_now then 1 else 0 end as answered_question_count,
        case when is_peer_answered_now then 1 else 0 end as peer_answered_question_count,
        case when is_answered_now and first_answer_minutes is not null then 1 else 0 end
            as timed_answer_count,
        case when is_answered_now then first_answer_minutes end as first_answer_minutes,
        null as contributor_id
    from pairs
    where is_answered_now or is_peer_answered_now

),

counted as (

    select * from contributions
    union all
    select * from answered

),

totals as (

    select
        post_date,
        case when grouping(topic) = 1 then 'all' else topic end as topic,
        case when grouping(segment) = 1 then 'all' else segment end as segment,
        sum(question_count) as question_count,
        sum(answer_count) as answer_count,
        sum(peer_answer_count) as peer_answer_count,
        sum(accepted_count) as accepted_count,
        sum(idea_count) as idea_count,
        sum(vote_count) as vote_count,
        sum(comment_count) as comment_count,
        sum(answered_question_count) as answered_question_count,
        sum(peer_answered_question_count) as peer_answered_question_count,
        sum(timed_answer_count) as timed_answer_count,
        coalesce(sum(first_answer_minutes), 0) as first_answer_minutes_sum,
        quantile_sketch(first_answer_minutes) as first_answer_minute_sketch,
        distinct_sketch(contributor_id) as contributor_sketch
    from counted
    group by grouping sets (
        (post_date, topic, segment),
        (post_date, topic),
        (post_date, segment),
        (post_date)
    )

),

community as (

    select
        post_date,
        topic,
        segment,
        question_count,
        answer_count,
        peer_answer_count,
        accepted_count,
        idea_count,
        vote_count,
        comment_count,
        answered_question_count,
        peer_answered_question_count,
        timed_answer_count,
        first_answer_minutes_sum,
        first_answer_minute_sketch,
        contributor_sketch,
        cast(
            case
                when
                    question_count > 0
                    and question_count >= $minimum_sample_size
                    and answered_question_count <= question_count
                    then cast(answered_question_count as decimal(18, 6)) / question_count
            end
            as decimal(9, 6)
        ) as answered_share,
        cast(
            case
                when
                    question_count > 0
                    and question_count >= $minimum_sample_size
                    and answered_question_count <= question_count
                    then wilson_lower(answered_question_count, question_count, $confidence_z)
            end
            as decimal(9, 6)
        ) as answered_share_lower,
        cast(
            case
                when
                    question_count > 0
                    and question_count >= $minimum_sample_size
                    and answered_question_count <= question_count
                    then wilson_upper(answered_question_count, question_count, $confidence_z)
            end
            as decimal(9, 6)
        ) as answered_share_upper,
        cast(
            case
                when
                    question_count > 0
                    and question_count >= $minimum_sample_size
                    and peer_answered_question_count <= question_count
                    then cast(peer_answered_question_count as decimal(18, 6)) / question_count
            end
            as decimal(9, 6)
        ) as peer_answered_share,
        cast(
            case
                when
                    question_count > 0
                    and question_count >= $minimum_sample_size
                    and peer_answered_question_count <= question_count
                    then wilson_lower(peer_answered_question_count, question_count,
                         $confidence_z)
            end
            as decimal(9, 6)
        ) as peer_answered_share_lower,
        cast(
            case
                when
                    question_count > 0
                    and question_count >= $minimum_sample_size
                    and peer_answered_question_count <= question_count
                    then wilson_upper(peer_answered_question_count, question_count,
                         $confidence_z)
            end
            as decimal(9, 6)
        ) as peer_answered_share_upper,
        cast(
            case
                when timed_answer_count > 0 and timed_answer_count >= $minimum_sample_size
                    then cast(first_answer_minutes_sum as decimal(18, 6)) / timed_answer_count
            end
            as decimal(18, 4)
        ) as first_answer_minutes_mean,
        cast(
            case
                when timed_answer_count > 0 and timed_answer_count >= $minimum_sample_size
                    then quantile_of(first_answer_minute_sketch, 0.5)
            end
            as decimal(18, 4)
        ) as first_answer_minutes_median,
        cast(
            case
                when timed_answer_count > 0 and timed_answer_count >= $minimum_sample_size
                    then quantile_of(first_answer_minute_sketch, 0.9)
            end
            as decimal(18, 4)
        ) as first_answer_minutes_p90,
        distinct_estimate(contributor_sketch) as contributor_count
    from totals

)

select * from community
order by post_date, topic, segment
