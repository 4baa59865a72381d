-- Grain: one row per record that ever contributed to the brand's forum, staff left out.
-- Yesterday's totals and today's contributions. Zero is none.
with

posts as (

    select *
    from staging.community_posts
    where dt = $run_date and record_id is not null and coalesce(is_staff, false) = false

),

known as (

    select *
    from marts.record_community
    where dt = $run_date - interval '1 day'

),

combined as (

    select
        record_id, source, question_count, answer_count, accepted_answer_count, idea_count,
        vote_count, comment_count, first_post_date, last_post_date
    from known
    union all
    select
        record_id,
        source,
        case post_kind when 'question' then 1 else 0 end as question_count,
        case post_kind when 'answer' then 1 else 0 end as answer_count,
        case when post_kind = 'answer' and is_accepted then 1 else 0 end
            as accepted_answer_count,
        case post_kind when 'idea' then 1 else 0 end as idea_count,
        case post_kind when 'vote' then 1 else 0 end as vote_count,
        case post_kind when 'comment' then 1 else 0 end as comment_count,
        post_date as first_post_date,
        post_date as last_post_date
    from posts

),

totals as (

    select
        record_id,
        min(source) as source,
        cast(sum(question_count) as bigint) as question_count,
        cast(sum(answer_count) as bigint) as answer_count,
        cast(sum(accepted_answer_count) as bigint) as accepted_answer_count,
        cast(sum(idea_count) as bigint) as idea_count,
        cast(sum(vote_count) as bigint) as vote_count,
        cast(sum(comment_count) as bigint) as comment_count,
        min(first_post_date) as first_post_date,
        max(last_post_date) as last_post_date
    from combined
    group by record_id

)

select * from totals
order by record_id
