"""Reads every published table of a warehouse with DuckDB, pyarrow and Polars, as an analyst
would: by a glob with Hive partitioning. All three must agree on the columns, their types, the
number of rows, and for every column the values that are not null and their sum (of numbers) or
extremes (of days and instants). Only types that travel may be there, every table must have the
same days, and nothing but partitions may lie where readers look.

    readers.py WAREHOUSE

Exits with 1 and a line for each disagreement.
"""

import argparse
import datetime
import decimal
import math
import pathlib
import re
import sys

import duckdb
import polars
import pyarrow
import pyarrow.compute
import pyarrow.dataset
import pyarrow.parquet

from warehouses import Warehouse

# A type's common name, by how each reader calls it. Anything else does not travel.
DUCKDB_TYPES = {
    "VARCHAR": "string",
    "BIGINT": "integer",
    "DOUBLE": "double",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "TIMESTAMP WITH TIME ZONE": "timestamp",
}
PYARROW_TYPES = {
    "string": "string",
    "int64": "integer",
    "double": "double",
    "bool": "boolean",
    "date32[day]": "date",
    "timestamp[us, tz=UTC]": "timestamp",
}
POLARS_TYPES = {
    "String": "string",
    "Int64": "integer",
    "Float64": "double",
    "Boolean": "boolean",
    "Date": "date",
    "Datetime(time_unit='us', time_zone='UTC')": "timestamp",
}
NUMBERS = ("integer", "double", "boolean")
MOMENTS = ("date", "timestamp")
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def common_type(name, names, patterns):
    """The common name of a reader's type; the reader's own, marked, where it does not travel."""
    if name in names:
        return names[name]
    if match := re.match(patterns["decimal"], name):
        return f"decimal({match[1]},{match[2]})"
    if match := re.match(patterns["list"], name):
        return f"list<{common_type(match[1], names, patterns)}>"
    return f"does not travel: {name}"


def duckdb_type(name):
    patterns = {"decimal": r"DECIMAL\((\d+),(\d+)\)$", "list": r"(.*)\[\]$"}
    return common_type(name, DUCKDB_TYPES, patterns)


def pyarrow_type(data_type):
    patterns = {"decimal": r"decimal128\((\d+), (\d+)\)$", "list": r"list<\w+: (.*?)(?: not null)?>$"}
    return common_type(str(data_type), PYARROW_TYPES, patterns)


def polars_type(data_type):
    patterns = {"decimal": r"Decimal\(precision=(\d+), scale=(\d+)\)$", "list": r"List\((.*)\)$"}
    return common_type(str(data_type), POLARS_TYPES, patterns)


def is_number(name):
    return name in NUMBERS or name.startswith("decimal")


def moment(value):
    """A day, or an instant as microseconds of UTC: readers give instants in zones of their own."""
    if isinstance(value, datetime.datetime):
        return (value - EPOCH) // datetime.timedelta(microseconds=1)
    return value


def with_duckdb(folder):
    """What DuckDB reads: (column → type, row count, days, column → figures)."""
    table = f"read_parquet('{folder}/*/data.parquet', hive_partitioning = true)"
    connection = duckdb.connect()
    described = connection.execute(f"describe select * from {table}").fetchall()
    types = {name: duckdb_type(data_type) for name, data_type, *_ in described}
    partition_type = types.pop("dt")
    assert partition_type == "date", f"dt is {partition_type} to DuckDB"
    asked = ["count(*)", "list(distinct dt order by dt)"]
    for name, data_type in types.items():
        asked.append(f'count("{name}")')
        if data_type == "boolean":
            asked.append(f'count(*) filter (where "{name}")')
        elif is_number(data_type):
            asked.append(f'sum("{name}")')
        elif data_type == "timestamp":
            asked += [f'epoch_us(min("{name}"))', f'epoch_us(max("{name}"))']
        elif data_type in MOMENTS:
            asked += [f'min("{name}")', f'max("{name}")']
    row_count, days, *answers = connection.execute(
        f"select {', '.join(asked)} from {table}"
    ).fetchone()
    return types, row_count, [str(day) for day in days or []], figures(types, answers)


def with_polars(folder):
    """What Polars reads, in the shape of `with_duckdb`."""
    rows = polars.scan_parquet(f"{folder}/*/data.parquet", hive_partitioning=True)
    types = {name: polars_type(data_type) for name, data_type in rows.collect_schema().items()}
    partition_type = types.pop("dt")
    assert partition_type == "date", f"dt is {partition_type} to Polars"
    asked = [polars.len().alias("rows")]
    for name, data_type in types.items():
        column = polars.col(name)
        asked.append(column.count().alias(f"{name}:count"))
        if is_number(data_type):
            asked.append(column.sum().alias(f"{name}:sum"))
        elif data_type in MOMENTS:
            asked += [column.min().alias(f"{name}:min"), column.max().alias(f"{name}:max")]
    row_count, *answers = rows.select(asked).collect().row(0)
    days = rows.select(polars.col("dt").unique().sort()).collect()["dt"].to_list()
    return types, row_count, [str(day) for day in days], figures(types, answers)


def with_pyarrow(folder):
    """What pyarrow reads, in the shape of `with_duckdb`."""
    rows = pyarrow.dataset.dataset(folder, format="parquet", partitioning="hive").to_table()
    types = {field.name: pyarrow_type(field.type) for field in rows.schema}
    partition_type = types.pop("dt")
    assert partition_type == "string", f"dt is {partition_type} to pyarrow"
    answers = []
    for name, data_type in types.items():
        column = rows.column(name)
        answers.append(len(column) - column.null_count)
        if is_number(data_type):
            answers.append(pyarrow.compute.sum(column).as_py())
        elif data_type in MOMENTS:
            extremes = pyarrow.compute.min_max(column)
            answers += [extremes["min"].as_py(), extremes["max"].as_py()]
    days = sorted(set(rows.column("dt").to_pylist()))
    return types, rows.num_rows, days, figures(types, answers)


def figures(types, answers):
    """The answers by column: values that are not null, then their sum or extremes."""
    answers = iter(answers)
    by_column = {}
    for name, data_type in types.items():
        count = next(answers)
        if is_number(data_type):
            total = next(answers)
            # The sum of no values is null to some and zero to others.
            by_column[name] = (count, total if count else None)
        elif data_type in MOMENTS:
            by_column[name] = (count, moment(next(answers)), moment(next(answers)))
        else:
            by_column[name] = (count,)
    return by_column


def is_same(left, right):
    """Whether two figures agree: exactly, but for sums of doubles, whose order is the reader's."""
    if isinstance(left, float) and isinstance(right, float):
        return math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-9)
    if isinstance(left, decimal.Decimal) or isinstance(right, decimal.Decimal):
        return left is not None and right is not None and decimal.Decimal(left) == right
    return left == right


def compare(table, readers, mistakes):
    """Holds each reader's findings against the first one's."""
    (first, expected), *others = readers.items()
    expected_types, expected_rows, expected_days, expected_figures = expected
    for name, data_type in expected_types.items():
        if "does not travel" in data_type:
            mistakes.append(f"{table}.{name}: {data_type}")
    for reader, (types, row_count, days, columns) in others:
        for what, left, right in (
            ("columns and types", expected_types, types),
            ("rows", expected_rows, row_count),
        ):
            if left != right:
                mistakes.append(f"{table}: {what}: {first} {left}, {reader} {right}")
        if days != expected_days:
            mistakes.append(f"{table}: days: {first} {expected_days}, {reader} {days}")
        for name, values in expected_figures.items():
            found = columns.get(name, ())
            same = len(values) == len(found)
            if not same or not all(is_same(*pair) for pair in zip(values, found)):
                mistakes.append(f"{table}.{name}: {first} {values}, {reader} {found}")


def check_objects(warehouse, table, days, mistakes):
    """Every object's own schema is the table's: readers take the first they find for all."""
    zone, name = table.split(".")
    schemas = {}
    for day in days:
        key = f"{zone}/{name}/dt={day}/data.parquet"
        with warehouse.filesystem.open_input_file(f"{warehouse.root}/{key}") as file:
            parquet = pyarrow.parquet.ParquetFile(file)
            schema = parquet.schema_arrow.remove_metadata()
        if "dt" in schema.names:
            mistakes.append(f"{key}: holds the partition column")
        schemas.setdefault(str(schema), key)
    # A column that came later is a change of the table, told apart from a slip of one object.
    if len(schemas) > 1:
        mistakes.append(f"{table}: objects of different schemas: {', '.join(schemas.values())}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("warehouse", type=pathlib.Path)
    arguments = parser.parse_args()
    warehouse = Warehouse.local(arguments.warehouse.resolve())
    mistakes = [f"{key}: not a partition" for key in warehouse.strangers()]
    tables = {}
    for table, day in warehouse.partitions():
        tables.setdefault(table, []).append(day)
    if not tables:
        sys.exit(f"no tables in {arguments.warehouse}")
    all_days = sorted({day for days in tables.values() for day in days})
    total_rows = 0
    column_count = 0
    for table, days in sorted(tables.items()):
        if sorted(days) != all_days:
            absent = sorted(set(all_days) - set(days))
            mistakes.append(f"{table}: not published on {', '.join(absent)}")
        folder = f"{warehouse.root}/{table.replace('.', '/')}"
        check_objects(warehouse, table, sorted(days), mistakes)
        readers = {
            "DuckDB": with_duckdb(folder),
            "pyarrow": with_pyarrow(folder),
            "Polars": with_polars(folder),
        }
        compare(table, readers, mistakes)
        total_rows += readers["DuckDB"][1]
        column_count += len(readers["DuckDB"][0])
    for mistake in mistakes:
        print(mistake)
    print(
        f"{len(tables)} tables, {column_count} columns, {len(all_days)} days, {total_rows} rows: "
        + (f"{len(mistakes)} disagreements" if mistakes else "all three readers agree")
    )
    sys.exit(1 if mistakes else 0)


if __name__ == "__main__":
    main()
