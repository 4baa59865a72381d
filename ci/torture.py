"""Kills `daily` and `rapport backfill` with SIGKILL at random moments, over and over, and looks at
the tables each time as a plain reader does.

    torture.py [--local KILLS] [--s3 KILLS] [--tenth] [--seed N]

A moment is drawn from the run's progress, not from the clock, so that a slow machine is killed as
late as a fast one: a number of published objects is drawn, and once that many are visible a
fraction of the time that one more takes. Some are killed before they publish anything. After
every kill each object that a reader can see must be, byte for byte, the one that an undisturbed
run publishes (so none is partial, and no partition is doubled), nothing else may lie where
readers look, and a glob over a table must count the rows that its published days have. Then
either is run again: it is killed later on, or left to finish, and then all tables must equal those
of an undisturbed `daily`, with nothing left in the work area and nothing left to do.
"""

import argparse
import collections
import concurrent.futures
import contextlib
import os
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
LANDING = jobs.SAMPLE_WEEK / "landing"

# The binaries that bring the days up to date, with what they take beside the days.
RUNS = [("daily", []), ("rapport", ["backfill", "--parallel", "3"])]

LOCAL_KILLS = 200
S3_KILLS = 50


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


def torture(name, kills_wanted, chance, fresh_warehouse):
    """Kills so many runs. `fresh_warehouse()` gives an empty warehouse and its variables."""
    warehouse, variables = fresh_warehouse()
    undisturbed = Undisturbed(variables, warehouse)
    started = time.monotonic()
    target_count = len(undisturbed.hashes)
    mistakes, rolled_forward, finished_count = [], 0, 0
    kills_by_quarter = [0, 0, 0, 0]
    while sum(kills_by_quarter) < kills_wanted and len(mistakes) <= 20:
        warehouse, variables = fresh_warehouse()
        visible_count = 0
        # Three warehouses in four are finished after one kill, the others see several.
        while not visible_count or chance.random() < 0.25:
            kill_at = chance.randrange(visible_count, target_count)
            killed = kill_one(warehouse, variables, undisturbed, kill_at, chance)
            rolled_forward += killed.log.count("rolling a publish forward")
            found, visible_count = look(warehouse, undisturbed)
            round_name = f"kill {sum(kills_by_quarter)} at {visible_count} objects"
            if killed.exit_code == -9:
                kills_by_quarter[min(4 * visible_count // target_count, 3)] += 1
            elif killed.exit_code != 0:
                found.append(f"exit code {killed.exit_code}: {killed.result.get('error')}")
            mistakes += [f"{round_name}: {mistake}" for mistake in found]
            if visible_count == target_count or not kill_at:
                break
        found, log = finish(warehouse, variables, undisturbed, chance)
        rolled_forward += log.count("rolling a publish forward")
        mistakes += [f"finished after {round_name}: {mistake}" for mistake in found]
        finished_count += 1
    seconds = time.monotonic() - started
    print(
        f"{name}: {sum(kills_by_quarter)} kills in {seconds:.0f} s, by quarter of the way "
        f"{kills_by_quarter}; {finished_count} warehouses finished, {rolled_forward} publishes "
        f"rolled forward (an undisturbed run: {target_count} objects in "
        f"{undisturbed.seconds:.1f} s): "
        + (f"{len(mistakes)} mistakes" if mistakes else "never a wrong row"),
        flush=True,
    )
    return [f"{name}: {mistake}" for mistake in mistakes]


def kill_one(warehouse, variables, undisturbed, kill_at, chance):
    """Starts a run and kills it soon after `kill_at` objects are visible; 0: before there are any."""
    seconds_an_object = undisturbed.seconds / len(undisturbed.hashes)
    job, arguments = chance.choice(RUNS)
    process = jobs.start(job, [*arguments, *DAYS], variables)
    with concurrent.futures.ThreadPoolExecutor(1) as readers:
        # Reading on while it runs: a full pipe would hold it up.
        finished = readers.submit(jobs.finish, process)
        if kill_at:
            while not finished.done() and len(warehouse.partitions()) < kill_at:
                # Looking without a pause would take a processor and the server from the run.
                time.sleep(seconds_an_object / 2)
            concurrent.futures.wait([finished], chance.uniform(0, 2 * seconds_an_object))
        else:
            concurrent.futures.wait([finished], chance.uniform(0, undisturbed.start_seconds))
        process.kill()
        return finished.result()


def finish(warehouse, variables, undisturbed, chance):
    """Lets a last run finish the work, and holds all that is there against the undisturbed run.

    Gives the mistakes and the last run's log.
    """
    let_torn_files_age(warehouse)
    job, arguments = chance.choice(RUNS)
    finished = jobs.run(job, [*arguments, *DAYS], variables)
    if finished.exit_code != 0:
        error = finished.result.get("error")
        return [f"the last run: exit code {finished.exit_code}: {error}"], finished.log
    mistakes = differences(undisturbed.hashes, warehouse.hashes())
    mistakes += [f"{key}: not a partition" for key in warehouse.strangers()]
    for area in ("work", "intents", "leases"):
        mistakes += [f"{key}: left behind" for key, _ in warehouse.objects(f"_rapport/{area}")]
    again = jobs.run("daily", [*DAYS, "--skip-when-fresh"], variables)
    if again.exit_code != 99:
        mistakes.append(f"a rerun ended with {again.exit_code}, expected 99: {again.result}")
    return mistakes, finished.log


def let_torn_files_age(warehouse):
    """Lets so much time pass that a lease would run out, for the files that killed runs left half
    created (`<name>#<number>`): before that they cannot be told from those that a living run is
    creating."""
    if warehouse.filesystem.type_name == "local":
        for path in pathlib.Path(warehouse.root, "_rapport").rglob("*.json#*"):
            os.utime(path, (0, 0))


def on_local_storage(kills, chance):
    with tempfile.TemporaryDirectory() as parent:
        folder = pathlib.Path(parent) / "warehouse"

        def fresh_warehouse():
            shutil.rmtree(folder, ignore_errors=True)
            return Warehouse.local(folder), {"RAPPORT_WAREHOUSE": str(folder)}

        return torture("local", kills, chance, fresh_warehouse)


def on_s3(kills, chance):
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

        return torture("s3", kills, chance, fresh_warehouse)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--local", type=int, help=f"kills on local files [{LOCAL_KILLS}]")
    parser.add_argument("--s3", type=int, help=f"kills on the S3 server [{S3_KILLS}]")
    parser.add_argument("--tenth", action="store_true", help="a tenth of the kills")
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    arguments = parser.parse_args()
    share = 10 if arguments.tenth else 1
    local_kills = LOCAL_KILLS // share if arguments.local is None else arguments.local
    s3_kills = S3_KILLS // share if arguments.s3 is None else arguments.s3
    print(f"seed {arguments.seed}, binary {jobs.binary('daily')}", flush=True)
    chance = random.Random(arguments.seed)
    mistakes = []
    if local_kills:
        mistakes += on_local_storage(local_kills, chance)
    if s3_kills:
        mistakes += on_s3(s3_kills, chance)
    for mistake in mistakes:
        print(mistake)
    sys.exit(1 if mistakes else 0)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
