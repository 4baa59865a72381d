-- Grain: one row per passenger asked, for the one question about the airport as a whole.
-- Null score: 0 and nothing are blanks, 6 is "have never used, or not applicable".
with

arriving as (

    select from_date, to_date
    from staging.arriving_days
    where dt = $run_date

),

passengers as (

    select
        respondent,
        interviewed,
        overall,
        split_part(split_part(source_file, '/', 2), '_', 1) as year
    from raw.airport_survey
    where dt = $run_date

),

dated as (

    select
        *,
        cast(
            case
                when interviewed like '%/%'
                    then substr(interviewed, 7, 4) || '-' || substr(interviewed, 1, 2)
                    || '-' || substr(interviewed, 4, 2)
                -- The file has the day of the month alone; README.md has why that is May.
                else year || '-05-' || lpad(interviewed, 2, '0')
            end
            as date
        ) as response_date
    from passengers

),

renamed as (

    select
        'airport:' || dated.year || '-' || dated.respondent as response_id,
        'airport' as source,
        'SFO passengers ' || dated.year as survey,
        'csat' as metric,
        cast(
            case when dated.overall between 1 and 5 then dated.overall end as decimal(9, 2)
        ) as score,
        cast(1 as decimal(9, 2)) as scale_min,
        cast(5 as decimal(9, 2)) as scale_max,
        'higher_is_better' as polarity,
        'other' as channel,
        dated.response_date
    from dated
    inner join arriving
        on
            dated.response_date >= arriving.from_date
            and dated.response_date <= arriving.to_date

)

select * from renamed
order by response_id
