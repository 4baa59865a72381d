"""What the projects on real exports check their figures with: comparisons that are printed and
counted, and the published tables as any reader sees them."""

import datetime
import sys

import duckdb

# The most differences of one comparison that are printed.
DIFFERENCES_SHOWN = 20


_differences = []


def compare(what, expected, found):
    """Compares one figure."""
    is_equal = expected == found
    print(f"{'ok  ' if is_equal else 'DIFF'} {what}: expected {expected}, found {found}")
    if not is_equal:
        _differences.append(what)


def compare_all(what, expected, found):
    """Compares two dicts of anything to its figures: one line for all, or one a difference."""
    different = [key for key in {**expected, **found} if expected.get(key) != found.get(key)]
    if not different:
        print(f"ok   {what}: all {len(expected)} agree")
        return
    for key in sorted(different, key=str)[:DIFFERENCES_SHOWN]:
        compare(f"{what}, {key}", expected.get(key), found.get(key))
    if len(different) > DIFFERENCES_SHOWN:
        print(f"DIFF {what}: {len(different)} differ in all")


def verdict():
    """Says how the comparisons went; gives the exit code, 1 where any differs."""
    if _differences:
        print(f"{len(_differences)} figures differ", file=sys.stderr)
        return 1
    print("all figures agree")
    return 0


class Tables:
    """The published tables, read as any reader would: by globbing Parquet."""

    def __init__(self, warehouse):
        self.warehouse = warehouse
        self.connection = duckdb.connect()

    def rows(self, query, **tables):
        """The rows of a query in which each `{name}` stands for the table of that keyword."""
        readers = {
            name: f"read_parquet('{self.path(table)}/*/data.parquet', hive_partitioning = true)"
            for name, table in tables.items()
        }
        return self.connection.execute(query.format(**readers)).fetchall()

    def by_day(self, query, **tables):
        """The same for a query of a day and a figure."""
        return dict(self.rows(query, **tables))

    def path(self, table):
        zone, name = table.split(".")
        return self.warehouse / zone / name

    def days(self, table):
        """The days on which the table is published."""
        folders = self.path(table).glob("dt=*")
        return sorted(datetime.date.fromisoformat(folder.name[3:]) for folder in folders)
