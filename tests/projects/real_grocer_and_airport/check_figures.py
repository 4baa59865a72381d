"""Recomputes the figures of the grocer and the airport and compares them with the published tables.

The expectations come from the exports themselves, read with pandas, by the rules of README.md and
the definitions in the metrics' contracts, and from figures that are known of the data sets; the
tables are read with DuckDB (both from PyPI). Nothing of Rapport's is used to compute them. Prints
every comparison and exits with 1 where any differs, with 2 where the exports or the tables are not
there.

    check_figures.py --warehouse warehouse-real-grocer-and-airport --data ../shared/data \\
        --to 2018-01-01

The run began on the warehouse's first day, whichever that is, and ended before --to.
"""

import argparse
import datetime
import decimal
import math
import pathlib
import sys

import pandas

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from figures import Tables, compare, compare_all, verdict

CENT = decimal.Decimal("0.01")
SIX_DIGITS = decimal.Decimal("0.000001")

# As in rapport.yaml.
MINIMUM_SAMPLE_SIZE = 30
CONFIDENCE_Z = 1.96
BUSINESS_ZONE = "America/New_York"

# Figures that are known of the files, independently of this script.
KNOWN_FIGURES = {
    "receipt lines": 1_469_307,
    "households": 2_469,
    "baskets": 155_848,
    "lines of quantity 0": 8_869,
    "products": 92_331,
    "households with demographics": 801,
    "campaigns": 27,
    "households of campaigns": 6_589,
    "redemptions": 2_102,
    "passengers 2010": 3_234,
    "passengers 2011": 3_872,
    "passengers 2012": 3_521,
    "passengers 2013": 3_535,
    "passengers 2014": 2_818,
    "passengers 2015": 2_958,
    "passengers 2016": 3_087,
}

# What each year calls the respondent's number and the question about the airport as a whole.
SURVEY_COLUMNS = {
    2010: ("RESPNUM", "Q6N"),
    2011: ("RESPNUM", "Q8N"),
    2012: ("RESPNUM", "Q8N_WHOLE"),
    2013: ("RESPNUM", "Q7O_WHOLE"),
    2014: ("RESPNUM", "Q7ALL"),
    2015: ("RESPNUM", "Q7ALL"),
    2016: ("*RESPNUM", "Q7ALL"),
}


def dollars(cents):
    return decimal.Decimal(int(cents)) * CENT


def cents_of(values):
    """Dollars in binary floats as whole cents; more than a float's remainder off is a mistake."""
    cents = (values * 100).round()
    assert ((values * 100 - cents).abs() < 1e-6).all(), "an amount is not of whole cents"
    return cents.astype("int64")


def share(part, whole):
    """A share as the metrics publish it: six digits, none of too few."""
    if whole < MINIMUM_SAMPLE_SIZE:
        return None
    exact = decimal.Decimal(int(part)) / decimal.Decimal(int(whole))
    return exact.quantize(SIX_DIGITS, decimal.ROUND_HALF_UP)


def wilson(part, whole):
    """Both ends of Wilson's interval (1927), six digits; none of too few."""
    if whole < MINIMUM_SAMPLE_SIZE:
        return None, None
    p, n, z = part / whole, whole, CONFIDENCE_Z
    centre = p + z * z / (2 * n)
    spread = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    ends = ((centre - spread) / (1 + z * z / n), (centre + spread) / (1 + z * z / n))
    return tuple(decimal.Decimal(end).quantize(SIX_DIGITS, decimal.ROUND_HALF_UP) for end in ends)


def arrival(day, first_day):
    """The dt on which what happened on a day becomes known."""
    return max(day, first_day)


def check_export_figures(lines, grocer, passengers):
    figures = {
        "receipt lines": len(lines),
        "households": lines["household_id"].nunique(),
        "baskets": lines["basket_id"].nunique(),
        "lines of quantity 0": int((lines["quantity"] == 0).sum()),
        "products": len(grocer["products"]),
        "households with demographics": len(grocer["demographics"]),
        "campaigns": len(grocer["campaign_descriptions"]),
        "households of campaigns": len(grocer["campaigns"]),
        "redemptions": len(grocer["coupon_redemptions"]),
    }
    for year, answers in passengers.groupby("year"):
        figures[f"passengers {year}"] = len(answers)
    for what, expected in KNOWN_FIGURES.items():
        compare(f"exports: {what}", expected, figures[what])


def check_raw(tables, days, row_counts):
    """Every day's snapshot holds every row of its files, and nothing was refused."""
    for source, count in row_counts.items():
        found = dict(
            tables.rows("select dt, count(*) from {rows} group by dt", rows=f"raw.{source}")
        )
        compare_all(f"raw.{source}: rows by dt", dict.fromkeys(days, count), found)
        [(refused,)] = tables.rows("select count(*) from {rows}", rows=f"quarantine.{source}")
        compare(f"quarantine.{source}: rows", 0, refused)


def read_lines(file):
    """The receipt lines with their day in New York and all amounts in cents."""
    lines = pandas.read_parquet(file)
    bought_at = lines["transaction_timestamp"].dt.tz_localize("UTC")
    lines["day"] = bought_at.dt.tz_convert(BUSINESS_ZONE).dt.date
    for column in ("sales_value", "retail_disc", "coupon_disc", "coupon_match_disc"):
        lines[column] = cents_of(lines[column])
    lines["discount"] = lines["retail_disc"] + lines["coupon_match_disc"]
    lines["gross"] = lines["sales_value"] + lines["discount"]
    return lines


def baskets_of(lines, products):
    """One row a basket: day, household, kind, units and amounts."""
    type_of = products.set_index("product_id")["product_type"]
    is_gasoline = lines["product_id"].map(type_of) == "GASOLINE-REG UNLEADED"
    units = lines["quantity"].where(~is_gasoline, lines["quantity"].clip(upper=1))
    baskets = lines.assign(units=units).groupby("basket_id").agg(
        day=("day", "first"),
        household=("household_id", "first"),
        largest_quantity=("quantity", "max"),
        units=("units", "sum"),
        gross=("gross", "sum"),
        discount=("discount", "sum"),
        net=("sales_value", "sum"),
    )
    is_nothing = (baskets["largest_quantity"] == 0) & (baskets["gross"] == 0)
    baskets["is_purchase"] = ~is_nothing
    return baskets


def check_orders(tables, lines, baskets, first_day):
    """Lines and baskets are staged once, on the day they become known."""
    for table, facts in (("staging.order_lines", lines), ("staging.orders", baskets)):
        expected = facts["day"].map(lambda day: arrival(day, first_day)).value_counts().to_dict()
        found = dict(tables.rows("select dt, count(*) from {rows} group by dt", rows=table))
        compare_all(f"{table}: rows by dt", expected, found)
    [(net, count)] = tables.rows("select sum(net_amount), count(*) from {r}", r="marts.orders")
    compare("marts.orders: net amount", dollars(baskets["net"].sum()), net)
    compare("marts.orders: baskets", len(baskets), count)


def check_revenue(tables, baskets, first_day):
    purchases = baskets[baskets["is_purchase"]]
    facts = baskets.assign(
        dt=baskets["day"].map(lambda day: arrival(day, first_day)),
        purchase_count=baskets["is_purchase"].astype(int),
        adjustment_count=(~baskets["is_purchase"]).astype(int),
        purchase_units=baskets["units"].where(baskets["is_purchase"], 0),
    )
    expected = {
        key: (
            int(row.purchase_count), int(row.adjustment_count),
            decimal.Decimal(int(row.purchase_units)),
            dollars(row.gross), dollars(row.discount), dollars(row.net),
        )
        for key, row in facts.groupby(["dt", "day"])[[
            "purchase_count", "adjustment_count", "purchase_units", "gross", "discount", "net",
        ]].sum().iterrows()
    }
    found = {
        (dt, day): figures
        for dt, day, *figures in tables.rows(
            """
            select
                dt, order_date, order_count, adjustment_count, unit_count, gross_amount,
                discount_amount, net_amount
            from {rows} where channel = 'all' and customer_type = 'all' and currency = 'USD'
            """,
            rows="metrics.revenue",
        )
    }
    found = {key: tuple(figures) for key, figures in found.items()}
    compare_all("metrics.revenue: purchases, units, amounts by dt and day", expected, found)

    first_bought = purchases.groupby("household")["day"].min()
    first_of = baskets["household"].map(first_bought)
    types = (baskets["day"] == first_of).map({True: "new", False: "returning"})
    net_by_type = baskets.groupby([baskets["day"], types])["net"].sum()
    expected = {key: dollars(net) for key, net in net_by_type.items()}
    found = {
        (day, customer_type): net
        for day, customer_type, net in tables.rows(
            """
            select order_date, customer_type, sum(net_amount) from {rows}
            where channel = 'all' and customer_type <> 'all' group by all
            """,
            rows="metrics.revenue",
        )
    }
    compare_all("metrics.revenue: net by day and type of customer", expected, found)

    total = dollars(baskets["net"].sum())
    for what, condition in (
        ("of the totals", "channel = 'all' and customer_type = 'all'"),
        ("of the parts", "channel <> 'all' and customer_type <> 'all'"),
    ):
        [(net,)] = tables.rows(
            f"select sum(net_amount) from {{rows}} where {condition}", rows="metrics.revenue"
        )
        compare(f"metrics.revenue: net amount {what}", total, net)


def check_retention(tables, baskets, days):
    """Cohorts of the month of the first purchase, active in dt's month, at every dt."""
    purchases = baskets[baskets["is_purchase"]]
    expected = {}
    for dt in days:
        known = purchases[purchases["day"] <= dt].groupby("household")["day"]
        households = known.agg(["min", "max", "size"])
        month = dt.replace(day=1)
        households["cohort"] = households["min"].map(lambda day: day.replace(day=1))
        households["active"] = households["max"] >= month
        households["returning"] = households["active"] & (households["max"] > households["min"])
        households["repeat"] = households["size"] >= 2
        is_mature = (dt + datetime.timedelta(days=1)).month != dt.month
        for cohort, members in households.groupby("cohort"):
            count, active = len(members), int(members["active"].sum())
            repeat = int(members["repeat"].sum())
            expected[dt, cohort] = (
                (dt.year - cohort.year) * 12 + dt.month - cohort.month,
                count, active, int(members["returning"].sum()), repeat,
                share(active, count), *wilson(active, count),
                share(repeat, count), *wilson(repeat, count),
                is_mature,
            )
    found = {
        (dt, cohort): tuple(figures)
        for dt, cohort, *figures in tables.rows(
            """
            select
                dt, cohort_month, age_months, cohort_count, active_count, returning_count,
                repeat_count, active_share, active_share_lower, active_share_upper, repeat_share,
                repeat_share_lower, repeat_share_upper, is_mature
            from {rows}
            """,
            rows="metrics.retention",
        )
    }
    compare_all("metrics.retention: counts, shares, intervals by dt and cohort", expected, found)
    for (dt, cohort), figures in expected.items():
        if dt == days[-1]:
            print(f"       cohort of {cohort:%Y-%m} at {dt}: {figures[2]} of {figures[1]} active")


def check_households(tables, baskets, grocer, last_day):
    """Each household is one customer, with all that it bought."""
    purchases = baskets[baskets["is_purchase"]].groupby("household")
    bought = purchases.agg(
        order_count=("net", "size"), net=("net", "sum"), first=("day", "min"), last=("day", "max")
    )
    starts = grocer["campaign_descriptions"].set_index("campaign_id")["start_date"].dt.date
    campaigns = grocer["campaigns"]
    sent = campaigns[campaigns["campaign_id"].map(starts) <= last_day]
    everybody = (
        set(baskets["household"]) | set(grocer["demographics"]["household_id"].astype(int))
        | set(sent["household_id"])
    )
    nothing = (0, decimal.Decimal(0), None, None)
    expected = {
        f"grocer:{household}": (
            int(bought.at[household, "order_count"]), dollars(bought.at[household, "net"]),
            bought.at[household, "first"], bought.at[household, "last"],
        ) if household in bought.index else nothing
        for household in everybody
    }
    found = {
        record: tuple(figures)
        for record, *figures in tables.rows(
            f"""
            select record_id, order_count, net_amount, first_order_date, last_order_date
            from {{customers}} as customers
            join {{records}} as records using (dt, customer_id)
            where dt = date '{last_day}'
            """,
            customers="marts.customers",
            records="identity.identity_map",
        )
    }
    compare_all("marts.customers: orders, net, first and last day by household", expected, found)
    [(count,)] = tables.rows(
        f"select count(*) from {{rows}} where dt = date '{last_day}'", rows="marts.customers"
    )
    compare("marts.customers: one customer a household", len(everybody), count)


def check_campaigns(tables, grocer, first_day, last_day):
    starts = grocer["campaign_descriptions"].set_index("campaign_id")["start_date"].dt.date
    events = [
        (starts[campaign], str(campaign), "sent") for campaign in grocer["campaigns"]["campaign_id"]
    ] + [
        (moment.date(), str(campaign), "responded")
        for campaign, moment in grocer["coupon_redemptions"][
            ["campaign_id", "redemption_date"]
        ].itertuples(index=False)
    ]
    expected = {}
    for day, campaign, kind in events:
        if day <= last_day:
            for name in (campaign, "all"):
                counts = expected.setdefault((arrival(day, first_day), day, name), [0, 0, 0])
                if kind == "sent":
                    counts[0] += 1
                    counts[1] += 1
                else:
                    counts[2] += 1
    found = {
        (dt, day, campaign): figures
        for dt, day, campaign, *figures in tables.rows(
            """
            select dt, event_date, campaign_id, treated_count, sent_count, responded_count
            from {rows}
            """,
            rows="metrics.campaigns",
        )
    }
    compare_all("metrics.campaigns: chosen, sent, redeemed by dt, day, campaign", expected, found)


def read_passengers(folder):
    """All years' answers: year, day and score, none where it is no answer."""
    frames = []
    for year, (respondent, overall) in SURVEY_COLUMNS.items():
        [file] = folder.glob(f"{year}_*.csv")
        survey = pandas.read_csv(file, dtype=str, keep_default_na=False)
        if year == 2016:
            interviewed = pandas.to_datetime(survey["INTDATE"], format="%m/%d/%Y %I:%M:%S %p")
        else:
            interviewed = pandas.to_datetime(
                f"{year}-05-" + survey["INTDATE"].str.zfill(2), format="%Y-%m-%d"
            )
        scores = survey[overall].where(survey[overall].isin(list("12345")))
        frames.append(pandas.DataFrame({
            "year": year,
            "respondent": survey[respondent],
            "day": interviewed.dt.date,
            "score": pandas.to_numeric(scores),
        }))
    return pandas.concat(frames, ignore_index=True)


def csat_of(answers):
    """Asked, answered, satisfied, the share, its interval and the mean on the common scale."""
    scores = answers["score"].dropna()
    answered, good = len(scores), int((scores >= 4).sum())
    quarters = int((scores - 1).sum())
    mean = None
    if answered >= MINIMUM_SAMPLE_SIZE:
        mean = (decimal.Decimal(quarters) / 4 / answered).quantize(
            SIX_DIGITS, decimal.ROUND_HALF_UP
        )
    return (
        len(answers), answered, good, decimal.Decimal(quarters) / 4, share(good, answered),
        *wilson(good, answered), mean,
    )


def check_csat(tables, passengers, first_day, last_day):
    passengers = passengers[passengers["day"] <= last_day]
    surveys = passengers.assign(
        survey=[f"SFO passengers {year}" for year in passengers["year"]],
        dt=passengers["day"].map(lambda day: arrival(day, first_day)),
    )
    expected = {}
    for (dt, day, survey), answers in surveys.groupby(["dt", "day", "survey"]):
        expected[dt, day, survey] = csat_of(answers)
        # No day is in two surveys, so a day's total is its survey's.
        expected[dt, day, "all"] = csat_of(answers)
    found = {
        (dt, day, survey): tuple(figures)
        for dt, day, survey, *figures in tables.rows(
            """
            select
                dt, response_date, survey, asked_count, response_count, good_count,
                score_share_sum, csat_share, share_lower, share_upper, score_share_mean
            from {rows} where channel = 'all' and segment = 'all'
            """,
            rows="metrics.csat",
        )
    }
    compare_all("metrics.csat: counts, shares, intervals by day and survey", expected, found)

    expected = {survey: csat_of(answers)[:4] for survey, answers in surveys.groupby("survey")}
    expected["all"] = csat_of(surveys)[:4]
    found = {
        survey: tuple(figures)
        for survey, *figures in tables.rows(
            """
            select
                survey, sum(asked_count)::bigint, sum(response_count)::bigint,
                sum(good_count)::bigint, sum(score_share_sum)
            from {rows} where channel = 'all' and segment = 'all' group by survey
            """,
            rows="metrics.csat",
        )
    }
    for survey, figures in sorted(expected.items()):
        compare(
            f"metrics.csat: {survey}: asked, answered, satisfied, share",
            (*figures[:3], share(figures[2], figures[1])),
            (*found[survey][:3], share(found[survey][2], found[survey][1]))
            if survey in found else None,
        )
    compare_all("metrics.csat: sums of the common scale by survey", expected, found)

    scores = surveys.dropna(subset=["score"]).groupby(["survey", "score"]).size()
    found = {
        (survey, float(score)): count
        for survey, score, count in tables.rows(
            "select survey, score, count(*) from {rows} where score is not null group by all",
            rows="marts.survey_responses",
        )
    }
    compare_all("marts.survey_responses: answers by survey and score", scores.to_dict(), found)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--warehouse", type=pathlib.Path, required=True)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--to", type=datetime.date.fromisoformat, required=True, metavar="DAY")
    arguments = parser.parse_args()
    folder = arguments.data / "completejourney"
    surveys = arguments.data / "sfo_survey"
    for path in (folder, surveys, arguments.warehouse / "metrics"):
        if not path.exists():
            print(f"{path} is not there", file=sys.stderr)
            return 2
    tables = Tables(arguments.warehouse)
    first_day = tables.days("staging.arriving_days")[0]
    days = [moment.date() for moment in pandas.date_range(first_day, arguments.to)][:-1]
    last_day = days[-1]

    lines = read_lines(folder / "transactions.parquet")
    names = (
        "products", "demographics", "campaign_descriptions", "campaigns", "coupon_redemptions",
    )
    grocer = {name: pandas.read_parquet(folder / f"{name}.parquet") for name in names}
    passengers = read_passengers(surveys)
    check_export_figures(lines, grocer, passengers)

    for table in ("raw.grocer_transactions", "marts.customers", "metrics.retention"):
        compare(f"{table}: days published", days, tables.days(table))
    check_raw(
        tables,
        days,
        {
            "grocer_transactions": len(lines),
            "grocer_products": len(grocer["products"]),
            "grocer_households": len(grocer["demographics"]),
            "grocer_campaigns": len(grocer["campaign_descriptions"]),
            "grocer_campaign_households": len(grocer["campaigns"]),
            "grocer_redemptions": len(grocer["coupon_redemptions"]),
            "airport_survey": len(passengers),
        },
    )
    lines = lines[lines["day"] <= last_day]
    baskets = baskets_of(lines, grocer["products"])
    check_orders(tables, lines, baskets, first_day)
    check_revenue(tables, baskets, first_day)
    check_retention(tables, baskets, days)
    check_households(tables, baskets, grocer, last_day)
    check_campaigns(tables, grocer, first_day, last_day)
    check_csat(tables, passengers, first_day, last_day)
    return verdict()


if __name__ == "__main__":
    sys.exit(main())
