"""Kills `daily` with SIGKILL at random moments, over and over, and looks at the tables each time
as a plain reader does.

    torture.py [--local ROUNDS] [--s3 ROUNDS] [--tenth] [--seed N]

A run is killed, its tables are looked at, and the next run goes on where it was; once everything
is published the next round starts over with an empty warehouse. After every kill: each object
that a reader can see must be, byte for byte, the one that an undisturbed run publishes (so none
is partial, and no partition is doubled), nothing else may lie where readers look, and a glob over
a table must count the rows that its published days have. In the end a last run finishes the work,
and all tables must equal the undisturbed run's, with nothing left in the work area.
"""

import argparse
import collections
import contextlib
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

import duckdb
import pyarrow
import pyarrow.dataset
import pyarrow.parquet

import jobs
import servers
from warehouses import Warehouse, differences

DAYS = ["--from", "2024-03-04", "--to", "2024-03-06"]
LANDING = jobs.REPOSITORY / "tests/fixtures/landing"

LOCAL_ROUNDS = 200
S3_ROUNDS = 50


class Undisturbed:
    """What a run that nobody disturbs publishes, and how long it takes."""

    def __init__(self, variables, warehouse):
        started = time.monotonic()
        jobs.must_run("daily", DAYS, variables)
        self.seconds = time.monotonic() - started
        self.hashes = warehouse.hashes()
        self.row_counts = {
            partition: pyarrow.parquet.ParquetFile(
                pyarrow.BufferReader(warehouse.read(key))
            ).metadata.num_rows
            for partition, key in warehouse.partitions().items()
        }
        # A run in which there is nothing to do takes this long to find out.
        started = time.monotonic()
        jobs.must_run("daily", DAYS, variables)
        self.start_seconds = time.monotonic() - started


def look(warehouse, undisturbed):
    """What is wrong with what readers see now, and how many partitions they see."""
    mistakes = [f"{key}: not a partition" for key in warehouse.strangers()]
    partitions = warehouse.partitions()
    visible = collections.defaultdict(dict)
    for partition, key in partitions.items():
        table, day = partition
        visible[table][day] = key
    hashes = warehouse.hashes()
    # Days that are not there yet are none of a reader's business.
    expected = {partition: undisturbed.hashes.get(partition) for partition in hashes}
    mistakes += differences(expected, hashes)
    for table, days in visible.items():
        expected_rows = sum(undisturbed.row_counts.get((table, day), 0) for day in days)
        try:
            counted = count_rows(warehouse, table)
        except (pyarrow.ArrowException, duckdb.Error, OSError) as error:
            mistakes.append(f"{table}: cannot be read: {error}")
            continue
        mistakes += [
            f"{table}: {reader} counts {found} rows, expected {expected_rows}"
            for reader, found in counted.items()
            if found != expected_rows
        ]
    return mistakes, len(partitions)


def count_rows(warehouse, table):
    """The rows that a glob over a table's folder gives, by reader; pyarrow reads all columns."""
    folder = f"{warehouse.root}/{table.replace('.', '/')}"
    rows = pyarrow.dataset.dataset(
        folder, filesystem=warehouse.filesystem, format="parquet", partitioning="hive"
    )
    counted = {"pyarrow": rows.to_table().num_rows}
    if warehouse.filesystem.type_name == "local":
        query = f"select count(*) from read_parquet('{folder}/**/*.parquet', hive_partitioning=true)"
        counted["DuckDB"] = duckdb.connect().execute(query).fetchone()[0]
    return counted


def torture(name, rounds, chance, fresh_warehouse):
    """Kills `rounds` runs. `fresh_warehouse()` gives an empty warehouse and its variables."""
    warehouse, variables = fresh_warehouse()
    undisturbed = Undisturbed(variables, warehouse)
    started = time.monotonic()
    target_count = len(undisturbed.hashes)
    building_seconds = max(undisturbed.seconds - undisturbed.start_seconds, 0.1)
    warehouse, variables = fresh_warehouse()
    mistakes, kills, completions, rolled_forward, visible_count = [], 0, 0, 0, 0
    while kills < rounds:
        left = 1 - visible_count / target_count
        process = jobs.start("daily", DAYS, variables)
        with contextlib.suppress(subprocess.TimeoutExpired):
            # Reading on while it runs: a full pipe would hold it up.
            process.communicate(
                timeout=chance.uniform(0, undisturbed.start_seconds + left * building_seconds)
            )
            # It ended before it could be killed: the machine is faster now than when measured.
            building_seconds *= 0.8
        process.kill()
        finished = jobs.finish(process)
        rolled_forward += finished.log.count("rolling a publish forward")
        found, visible_count = look(warehouse, undisturbed)
        if finished.exit_code == -9:
            kills += 1
        elif finished.exit_code != 0:
            found.append(f"exit code {finished.exit_code}: {finished.result.get('error')}")
        mistakes += [f"round {kills}: {mistake}" for mistake in found]
        if visible_count == target_count:
            mistakes += finish(warehouse, variables, undisturbed)
            completions += 1
            warehouse, variables = fresh_warehouse()
            visible_count = 0
        if len(mistakes) > 20:
            break
    mistakes += finish(warehouse, variables, undisturbed)
    seconds = time.monotonic() - started
    print(
        f"{name}: {kills} kills in {seconds:.0f} s, {completions + 1} warehouses finished, "
        f"{rolled_forward} publishes rolled forward (an undisturbed run: {target_count} "
        f"objects in {undisturbed.seconds:.1f} s): "
        + (f"{len(mistakes)} mistakes" if mistakes else "never a wrong row"),
        flush=True,
    )
    return [f"{name}: {mistake}" for mistake in mistakes]


def finish(warehouse, variables, undisturbed):
    """Lets a last run finish the work, and holds all that is there against the undisturbed run."""
    finished = jobs.run("daily", DAYS, variables)
    if finished.exit_code != 0:
        return [f"the last run: exit code {finished.exit_code}: {finished.result.get('error')}"]
    mistakes = differences(undisturbed.hashes, warehouse.hashes())
    mistakes += [f"{key}: not a partition" for key in warehouse.strangers()]
    for area in ("work", "intents", "leases"):
        # A lease that was being created on a local disk may leave a torn file of a few bytes: it
        # cannot be told from one that a living run is creating in this moment.
        mistakes += [
            f"{key}: left behind"
            for key, _ in warehouse.objects(f"_rapport/{area}")
            if not (area == "leases" and "#" in key)
        ]
    again = jobs.run("daily", [*DAYS, "--skip-when-fresh"], variables)
    if again.exit_code != 99:
        mistakes.append(f"a rerun ended with {again.exit_code}, expected 99: {again.result}")
    return mistakes


def on_local_storage(rounds, chance):
    with tempfile.TemporaryDirectory() as parent:
        folder = pathlib.Path(parent) / "warehouse"

        def fresh_warehouse():
            shutil.rmtree(folder, ignore_errors=True)
            return Warehouse.local(folder), {"RAPPORT_WAREHOUSE": str(folder)}

        return torture("local", rounds, chance, fresh_warehouse)


def on_s3(rounds, chance):
    with servers.s3() as storage:
        storage.upload(LANDING, "landing")
        numbers = iter(range(1_000_000))

        def fresh_warehouse():
            prefix = f"warehouse-{next(numbers)}"
            variables = {
                "RAPPORT_LANDING": storage.url("landing"),
                "RAPPORT_WAREHOUSE": storage.url(prefix),
            }
            warehouse = Warehouse(storage.filesystem, f"{servers.BUCKET}/{prefix}")
            return warehouse, storage.variables | variables

        return torture("s3", rounds, chance, fresh_warehouse)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--local", type=int, help=f"kills on local files [{LOCAL_ROUNDS}]")
    parser.add_argument("--s3", type=int, help=f"kills on the S3 server [{S3_ROUNDS}]")
    parser.add_argument("--tenth", action="store_true", help="a tenth of the kills")
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    arguments = parser.parse_args()
    share = 10 if arguments.tenth else 1
    local_rounds = LOCAL_ROUNDS // share if arguments.local is None else arguments.local
    s3_rounds = S3_ROUNDS // share if arguments.s3 is None else arguments.s3
    print(f"seed {arguments.seed}, binary {jobs.binary('daily')}", flush=True)
    chance = random.Random(arguments.seed)
    mistakes = []
    if local_rounds:
        mistakes += on_local_storage(local_rounds, chance)
    if s3_rounds:
        mistakes += on_s3(s3_rounds, chance)
    for mistake in mistakes:
        print(mistake)
    sys.exit(1 if mistakes else 0)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
