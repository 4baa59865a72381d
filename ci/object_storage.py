"""The sample week, two days, from object storage into object storage: S3 (moto's server) and
Azure Blob (Azurite), both real servers on this machine.

Before that, `sample-exports` writes a small company into each, byte for byte what it writes on
local files, refuses the place as used, and takes its own away again where it is told to.

The published objects must be byte for byte those of a run on local files; pyarrow, Polars and
DuckDB (which reads through pyarrow: its own S3 and Azure readers are downloads) must count the
same rows; a rerun must find nothing to do. An export that is replaced by another of the same size
must be noticed, and one that is uploaded again must not.

    object_storage.py [--azurite COMMAND]

Without `--azurite` the Azure part is left out, loudly.
"""

import argparse
import pathlib
import sys
import tempfile
import time

import duckdb
import polars
import pyarrow.dataset
from pyarrow import fs

import jobs
import servers
from warehouses import Warehouse, differences

DAYS = ["--from", "2024-03-04", "--to", "2024-03-06"]
LANDING = jobs.SAMPLE_WEEK / "landing"
TABLES = ("raw.shop_orders", "staging.orders", "marts.customers", "metrics.revenue")


def run_on(storage, expected):
    """Runs the two days on `storage` and holds the tables against `expected`, the hashes."""
    mistakes = []
    storage.upload(LANDING, "landing")
    variables = storage.variables | {
        "RAPPORT_LANDING": storage.url("landing"),
        "RAPPORT_WAREHOUSE": storage.url("warehouse"),
    }
    started = time.monotonic()
    first = jobs.must_run("daily", DAYS, variables)
    seconds = time.monotonic() - started
    warehouse = Warehouse(storage.filesystem, f"{servers.BUCKET}/warehouse")
    mistakes += differences(expected, warehouse.hashes())
    mistakes += [f"{key}: not a partition" for key in warehouse.strangers()]
    for table in TABLES:
        mistakes += counts_differ(storage, table)
    left = [key for area in ("work", "intents", "leases") for key, _ in warehouse.objects(f"_rapport/{area}")]
    mistakes += [f"{key}: left behind" for key in left]

    started = time.monotonic()
    again = jobs.run("daily", [*DAYS, "--skip-when-fresh"], variables)
    if again.exit_code != 99:
        mistakes.append(f"a rerun ended with {again.exit_code}, expected 99: {again.result}")
    mistakes += replacements_are_told(storage, variables)
    print(
        f"{storage.scheme}: {first.result['built_count']} partitions in {seconds:.1f} s, rerun in "
        f"{time.monotonic() - started:.1f} s: "
        + (f"{len(mistakes)} mistakes" if mistakes else "equal to the local run")
    )
    return [f"{storage.scheme}: {mistake}" for mistake in mistakes]


def replacements_are_told(storage, variables):
    """Mistakes where a new version of an export is taken for the old one, or the other way round."""
    name = "surveys/responses-2024-03-05.csv"
    old = (LANDING / name).read_bytes()
    new = old.replace(b",10,C1004,", b",09,C1004,", 1)
    assert old != new and len(old) == len(new)
    mistakes = []
    versions = [(old, 99, "uploaded again"), (new, 0, "replaced"), (old, 0, "restored")]
    for content, exit_code, what in versions:
        with storage.filesystem.open_output_stream(f"{servers.BUCKET}/landing/{name}") as stream:
            stream.write(content)
        run = jobs.run("ingest", [*DAYS, "--skip-when-fresh"], variables)
        if run.exit_code != exit_code:
            mistakes.append(f"{name} was {what}: {run.exit_code}, expected {exit_code}: {run.result}")
    return mistakes


COMPANY = ["--from", "2024-03-04", "--to", "2024-03-06", "--customers", "200", "--dirt", "heavy"]


def objects(filesystem, root):
    """The content of every file below `root`, by its path below it."""
    files = {}
    selector = fs.FileSelector(str(root), recursive=True)
    for info in filesystem.get_file_info(selector):
        if info.type == fs.FileType.File:
            path = info.path.removeprefix(f"{root}/")
            files[path] = filesystem.open_input_stream(info.path).read()
    return files


def sample_exports_on(storage, expected):
    """Mistakes of `sample-exports` into object storage; `expected`: what it writes locally."""
    mistakes = []
    command = [*COMPANY, "--out", storage.url("company/exports")]
    for again in [[], ["--overwrite"]]:
        jobs.must_run("sample-exports", [*command, *again], storage.variables)
        found = objects(storage.filesystem, f"{servers.BUCKET}/company")
        if found != expected:
            names = sorted(set(found) ^ set(expected)) or "the same names"
            mistakes.append(f"sample-exports {again}: other objects: {names}")
        refused = jobs.run("sample-exports", command, storage.variables)
        if refused.exit_code != 2:
            mistakes.append(f"sample-exports into a used place: {refused.exit_code}, expected 2")
    print(f"{storage.scheme}: sample-exports: {len(expected)} objects, {len(mistakes)} mistakes")
    return mistakes


def counts_differ(storage, table):
    """Mistakes where the readers count other rows than each other, or none at all."""
    path = f"warehouse/{table.replace('.', '/')}"
    rows = pyarrow.dataset.dataset(
        f"{servers.BUCKET}/{path}",
        filesystem=storage.filesystem,
        format="parquet",
        partitioning="hive",
    )
    counts = {
        "pyarrow": rows.count_rows(),
        "DuckDB": duckdb.connect().execute("select count(*) from rows").fetchone()[0],
        "Polars": polars.scan_parquet(
            storage.url(f"{path}/*/data.parquet"),
            hive_partitioning=True,
            storage_options={name.lower(): v for name, v in storage.polars_options.items()},
        )
        .select(polars.len())
        .collect()
        .item(),
    }
    if len(set(counts.values())) == 1 and counts["pyarrow"] > 0:
        return []
    return [f"{table}: {counts}"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--azurite", help="the command of Azurite's blob server")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        company = pathlib.Path(folder) / "company"
        jobs.must_run("sample-exports", [*COMPANY, "--out", str(company / "exports")], {})
        expected_company = objects(fs.LocalFileSystem(), company)
        local = pathlib.Path(folder) / "warehouse"
        jobs.must_run("daily", DAYS, {"RAPPORT_WAREHOUSE": str(local)})
        expected = Warehouse.local(local).hashes()
    with servers.s3() as storage:
        mistakes = sample_exports_on(storage, expected_company)
        mistakes += run_on(storage, expected)
    if arguments.azurite:
        with servers.azure(arguments.azurite) as storage:
            mistakes += sample_exports_on(storage, expected_company)
            mistakes += run_on(storage, expected)
    else:
        print("SKIPPED: Azure Blob storage, because Azurite (npm) is not here")
    for mistake in mistakes:
        print(mistake)
    sys.exit(1 if mistakes else 0)


if __name__ == "__main__":
    main()
