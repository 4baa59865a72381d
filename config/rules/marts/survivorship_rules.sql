-- Grain: one row per group of profile fields that move together.
-- Which of several values is the customer's: edit the rows. A group that has none follows
-- most_recent. Whatever the rule, what the record last changed decides between equals.
with

rules as (

    -- most_recent: the record that was changed last. most_frequent: what most records say.
    -- most_complete: the record with the most fields of the group. source_priority: the first of
    -- `sources` (names, the most trusted first, with commas) that has a value.
    select *
    from (
        values
        ('name', 'most_recent', cast(null as varchar)),
        ('address', 'most_recent', null),
        ('birth_date', 'most_recent', null),
        ('gender', 'most_recent', null),
        ('language', 'most_recent', null),
        ('organisation_name', 'most_recent', null),
        ('email', 'most_recent', null),
        ('phone', 'most_recent', null)
    ) as declared (field_group, rule, sources)

)

select * from rules
order by field_group
