-- Grain: one row per action that may be the next best one.
-- Edit the rows to put actions in another order, to need another consent, or to take one out. When
-- an action fits a customer is in marts.customer_actions.
with

rules as (

    -- consent: `none` for what a contract or a case asks for, `outreach` (on the channel),
    -- `outreach_and_profiling` where personal behaviour chose it, or `research` for surveys.
    select *
    from (
        values
        (1, 'answer_case', 'none', 'an open case waits for its first answer'),
        (2, 'settle_complaint', 'none', 'a complaint is open'),
        (3, 'call_back', 'none', 'the last rating was bad, and no case is open'),
        (4, 'remind_of_points', 'outreach', 'points expire within 30 days'),
        (5, 'finish_cart', 'outreach_and_profiling', 'a cart was left in the last seven days'),
        (6, 'win_back', 'outreach', 'they bought before and stopped'),
        (7, 'invite_second_order', 'outreach', 'two weeks after the first order'),
        (8, 'ask_for_recommendation', 'outreach', 'they speak well of the brand'),
        (9, 'ask_for_feedback', 'research', 'they bought in the last 30 days and gave no answer'),
        (10, 'invite_to_programme', 'outreach', 'they buy again and collect no points'),
        (11, 'offer_related_goods', 'outreach_and_profiling', 'they buy again and again'),
        (12, 'introduce_goods', 'outreach', 'they look around and have not bought')
    ) as declared (priority, action, consent, reason)

)

select
    cast(priority as bigint) as priority,
    action,
    consent,
    reason
from rules
order by action
