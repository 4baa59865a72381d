"""Recomputes the check figures of the real exports and compares them with the published tables.

The expectations come from the exports themselves, read with pandas, and from figures that are
known of the data set; the tables are read with DuckDB (both from PyPI). Prints every comparison and
exits with 1 where any differs, with 2 where the exports or the tables are not there.

    check_figures.py --warehouse warehouse-real-retail --data ../shared/data

With --to, a day, only the days before it are compared, for a run that ended there.
"""

import argparse
import datetime
import decimal
import pathlib
import sys

import pandas

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from figures import Tables, compare, compare_all, verdict

FIRST_DAY = datetime.date(2010, 12, 1)
LAST_DAY = datetime.date(2011, 3, 31)

# Figures that are known of the 95 files, independently of this script.
KNOWN_FIGURES = {
    "files": 95,
    "rows": 142_083,
    "invoices": 6_877,
    "customers": 2_189,
    "rows without a customer": 45_136,
    "cancellation rows": 2_603,
    "exact duplicate rows": 1_284,
    "sum of quantity × price": decimal.Decimal("2490287.01"),
}


def read_invoice_lines(folder, last_day):
    """All rows of the files up to the last day as text, with the file's day."""
    frames = []
    for file in sorted(folder.glob("*.csv")):
        day = datetime.date.fromisoformat(file.stem)
        if FIRST_DAY <= day <= last_day:
            frame = pandas.read_csv(file, dtype=str, keep_default_na=False)
            frames.append(frame.assign(day=day))
    lines = pandas.concat(frames, ignore_index=True)
    lines["amount"] = [
        decimal.Decimal(quantity) * decimal.Decimal(price)
        for quantity, price in zip(lines["Quantity"], lines["UnitPrice"])
    ]
    lines["quantity"] = lines["Quantity"].map(int)
    lines["is_free"] = lines["UnitPrice"].map(decimal.Decimal) == 0
    return lines, len(frames)


def kind_of_invoice(lines):
    """The kind of one invoice by the rules of README.md."""
    number = lines["InvoiceNo"].iloc[0]
    if number.startswith("C"):
        return "cancellation"
    if number.startswith("A") or (lines["quantity"] < 0).all():
        return "adjustment"
    if lines["is_free"].all() and (lines["CustomerID"] == "").all():
        return "adjustment"
    return "purchase"


def check_invoices(tables, folder, last_day):
    lines, file_count = read_invoice_lines(folder, last_day)
    columns = list(lines.columns[:8])
    figures = {
        "files": file_count,
        "rows": len(lines),
        "invoices": lines["InvoiceNo"].nunique(),
        "customers": lines.loc[lines["CustomerID"] != "", "CustomerID"].nunique(),
        "rows without a customer": int((lines["CustomerID"] == "").sum()),
        "cancellation rows": int(lines["InvoiceNo"].str.startswith("C").sum()),
        "exact duplicate rows": int(lines.duplicated(columns).sum()),
        "sum of quantity × price": lines["amount"].sum(),
    }
    if last_day == LAST_DAY:
        for what, expected in KNOWN_FIGURES.items():
            compare(f"exports: {what}", expected, figures[what])

    all_days = [day.date() for day in pandas.date_range(FIRST_DAY, last_day)]
    days = lines.groupby("day")
    row_counts = days.size().to_dict()
    amounts = days["amount"].sum().to_dict()

    # Every day is published, also one without a file; every row is staged.
    for table in ("raw.online_retail", "staging.order_lines", "staging.orders", "metrics.revenue"):
        published = {
            datetime.date.fromisoformat(folder.name.removeprefix("dt="))
            for folder in tables.path(table).glob("dt=*")
        } & set(all_days)
        compare(f"{table}: days published", len(all_days), len(published))
        absent = sorted(set(all_days) - published)
        compare(f"{table}: days of the range not published", [], absent)

    by_day = "select dt, count(*) from {rows} group by dt"
    for table in ("raw.online_retail", "staging.order_lines"):
        compare_all(f"{table}: rows", row_counts, tables.by_day(by_day, rows=table))
    compare_all(
        "staging.orders: invoices",
        days["InvoiceNo"].nunique().to_dict(),
        tables.by_day(by_day, rows="staging.orders"),
    )
    without_customer = lines[lines["CustomerID"] == ""].groupby("day").size().to_dict()
    compare_all(
        "staging.order_lines: rows without a customer",
        without_customer,
        tables.by_day(
            """
            select lines.dt, count(*) from {lines} as lines
            join {orders} as orders on lines.order_id = orders.order_id and lines.dt = orders.dt
            where orders.record_id is null group by lines.dt
            """,
            lines="staging.order_lines",
            orders="staging.orders",
        ),
    )
    cancelled = lines[lines["InvoiceNo"].str.startswith("C")].groupby("day").size().to_dict()
    compare_all(
        "staging.order_lines: cancellation rows",
        cancelled,
        tables.by_day(
            "select dt, count(*) from {lines} where order_kind = 'cancellation' group by dt",
            lines="staging.order_lines",
        ),
    )
    for table in ("staging.order_lines", "staging.orders", "marts.orders"):
        found = tables.by_day(
            "select dt, sum(net_amount) from {rows} group by dt", rows=table
        )
        compare_all(f"{table}: sum of quantity × price", amounts, found)

    duplicates = tables.rows(
        """
        select count(*) - count(distinct hash(
            invoice_no, stock_code, description, quantity, invoice_date, unit_price, customer_id,
            country
        )) from {rows}
        """,
        rows="raw.online_retail",
    )
    expected = figures["exact duplicate rows"]
    compare("raw.online_retail: exact duplicates, kept", expected, duplicates[0][0])

    [(total, invoices, customers)] = tables.rows(
        """
        select sum(net_amount), count(distinct order_number), count(distinct customer_id)
        from {rows}
        """,
        rows="marts.orders",
    )
    compare("marts.orders: sum of quantity × price", figures["sum of quantity × price"], total)
    compare("marts.orders: invoices", figures["invoices"], invoices)
    compare("marts.orders: customers", figures["customers"], customers)

    last = f"date '{last_day}'"
    [(customers, net)] = tables.rows(
        f"""
        select count(*), sum(net_amount) from {{rows}}
        where dt = {last} and list_contains(sources, 'shop')
        """,
        rows="marts.customers",
    )
    compare("marts.customers: customers of the shop", figures["customers"], customers)
    known = lines[lines["CustomerID"] != ""]
    compare("marts.customers: net amount of the shop's customers", known["amount"].sum(), net)

    kinds = lines.groupby("InvoiceNo")[list(lines.columns)].apply(kind_of_invoice)
    invoices = lines.groupby("InvoiceNo").agg(day=("day", "first"), amount=("amount", "sum"))
    invoices["kind"] = kinds
    for kind, column in (
        ("purchase", "order_count"),
        ("cancellation", "cancellation_count"),
        ("adjustment", "adjustment_count"),
    ):
        expected = invoices[invoices["kind"] == kind].groupby("day").size().to_dict()
        found = tables.by_day(
            f"""
            select order_date, sum({column})::bigint from {{rows}}
            where channel = 'all' and customer_type = 'all'
            group by order_date having sum({column}) > 0
            """,
            rows="metrics.revenue",
        )
        compare_all(f"metrics.revenue: {column}", expected, found)
    compare_all(
        "metrics.revenue: net amount",
        amounts,
        tables.by_day(
            """
            select order_date, sum(net_amount) from {rows}
            where channel = 'all' and customer_type = 'all' group by order_date
            """,
            rows="metrics.revenue",
        ),
    )
    [(parts,)] = tables.rows(
        "select sum(net_amount) from {rows} where channel <> 'all' and customer_type <> 'all'",
        rows="metrics.revenue",
    )
    total = figures["sum of quantity × price"]
    compare("metrics.revenue: the parts add up to the total", total, parts)

    purchases = invoices[invoices["kind"] == "purchase"].copy()
    customers_of = lines.groupby("InvoiceNo")["CustomerID"].first()
    purchases["customer"] = customers_of.reindex(purchases.index)
    purchases = purchases[purchases["customer"] != ""]
    first = purchases.groupby("customer")["day"].min().map(lambda day: day.replace(day=1))
    active = set(purchases.loc[purchases["day"] >= last_day.replace(day=1), "customer"])
    expected = {
        month: (len(cohort), len(active & set(cohort.index)))
        for month, cohort in first.groupby(first)
    }
    found = {
        month: (cohort, active_count)
        for month, cohort, active_count in tables.rows(
            f"select cohort_month, cohort_count, active_count from {{rows}} where dt = {last}",
            rows="metrics.retention",
        )
    }
    compare("metrics.retention: cohorts and active customers in the last month", expected, found)


def check_tickets(tables, file, last_day):
    tickets = pandas.read_csv(file, dtype=str, keep_default_na=False)
    rated = tickets[tickets["Customer Satisfaction Rating"] != ""]
    replied, resolved = (
        pandas.to_datetime(tickets[column], format="%d-%m-%Y %H:%M", errors="coerce")
        for column in ("First Response Time", "Time to Resolution")
    )

    arrived = "select dt, count(*) from {rows} where source = 'tickets' group by dt"
    compare_all(
        "staging.cases: tickets arrive once, on the first day",
        {FIRST_DAY: len(tickets)},
        tables.by_day(arrived, rows="staging.cases"),
    )
    compare_all(
        "staging.survey_responses: ratings arrive once, on the first day",
        {FIRST_DAY: len(rated)},
        tables.by_day(arrived, rows="staging.survey_responses"),
    )
    by_day = "select dt, count(*) from {rows} group by dt"
    snapshots = set(tables.by_day(by_day, rows="raw.support_tickets").values())
    compare("raw.support_tickets: rows of every day's snapshot", {len(tickets)}, snapshots)

    last = f"date '{last_day}'"
    [(cases, is_open, impossible, durations)] = tables.rows(
        f"""
        select
            count(*), count(*) filter (is_open), count(*) filter (has_impossible_times),
            count(first_reply_minutes) + count(resolution_minutes)
        from {{rows}} where dt = {last}
        """,
        rows="marts.cases",
    )
    compare("marts.cases: tickets", len(tickets), cases)
    compare("marts.cases: open", int((tickets["Ticket Status"] != "Closed").sum()), is_open)
    expected = int((resolved < replied).sum())
    compare("marts.cases: resolved before the first reply", expected, impossible)
    compare("marts.cases: durations, as no ticket says when it was opened", 0, durations)

    [(customers,)] = tables.rows(
        f"select count(*) from {{rows}} where dt = {last} and list_contains(sources, 'tickets')",
        rows="marts.customers",
    )
    addresses = tickets["Customer Email"].str.strip().str.lower().nunique()
    compare("marts.customers: one for each e-mail address of the tickets", addresses, customers)

    good = rated["Customer Satisfaction Rating"].map(int) >= 4
    response_days = resolved[rated.index].dt.date
    expected = {
        day: (len(answers), int(answers.sum())) for day, answers in good.groupby(response_days)
    }
    found = {
        day: (answers, good_count)
        for day, answers, good_count in tables.rows(
            """
            select response_date, sum(response_count)::bigint, sum(good_count)::bigint from {rows}
            where survey = 'all' and channel = 'all' and segment = 'all'
            group by response_date
            """,
            rows="metrics.csat",
        )
    }
    compare("metrics.csat: ratings and good ratings by the day of the resolution", expected, found)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--warehouse", type=pathlib.Path, required=True)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--to", type=datetime.date.fromisoformat, metavar="DAY")
    arguments = parser.parse_args()
    end = arguments.to or LAST_DAY + datetime.timedelta(days=1)
    last_day = min(end - datetime.timedelta(days=1), LAST_DAY)
    invoices = arguments.data / "online_retail_uci" / "by-day"
    tickets = arguments.data / "support_tickets" / "customer_support_tickets.csv"
    for path in (invoices, tickets, arguments.warehouse / "metrics"):
        if not path.exists():
            print(f"{path} is not there", file=sys.stderr)
            return 2
    tables = Tables(arguments.warehouse)
    check_invoices(tables, invoices, last_day)
    check_tickets(tables, tickets, last_day)
    return verdict()


if __name__ == "__main__":
    sys.exit(main())
