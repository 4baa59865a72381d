"""Runs the DAGs of examples/airflow with a real Airflow, and looks at what became of the tasks and
of the warehouse.

    airflow.py PYTHON    the interpreter of the environment that Airflow is installed in

The daily DAG runs with `airflow dags test`, on a copy of the smallest project with a second source
in it. What is expected of a day stands in `DAYS`: the state of every task, how often it was tried,
and the partitions that are there afterwards.

The backfill DAG then builds the days with exports again, in shards and from nothing: what it
publishes must be what the daily DAG published, byte for byte.
"""

import argparse
import contextlib
import csv
import dataclasses
import datetime
import io
import json
import os
import pathlib
import shutil
import sqlite3
import subprocess
import sys
import threading
import time

import pyarrow
import pyarrow.parquet

import jobs
from warehouses import Warehouse, differences

EXAMPLES = jobs.REPOSITORY / "examples/airflow"
PROJECT = jobs.REPOSITORY / "tests/projects/small"
SCRATCH = jobs.TARGET / "ci-scratch/airflow"
LOG = SCRATCH / "airflow.log"

POKE_SECONDS = 1
DEADLINE_SECONDS = 2
RETRY_SECONDS = 2

SHARD_PATIENCE = "2s"
"""`dags test` runs one task after the other: a shard waits in vain for those after it, and goes on
when it is tried again."""

COMMAND_SECONDS = 600
"""A command of Airflow's that takes longer waits for what never comes."""

TASKS = ("ingest", "resolve_identities", "build_customers", "build_metrics")

INGESTED = {"raw.sales", "raw.returns", "quarantine.sales", "quarantine.returns", "staging.sales"}
ALL = INGESTED | {"marts.customers", "metrics.takings"}


@dataclasses.dataclass(frozen=True)
class Expected:
    """What becomes of a day."""

    what: str
    run: str
    """The state of the DAG's run."""
    states: tuple
    """The state of each of `TASKS`."""
    tries: tuple
    """How often each of `TASKS` was started; 0 where it never was."""
    partitions: set
    """Tables that have a partition of the day afterwards."""
    prepare: object = lambda day: None
    """Does what makes the day special, before it is run."""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("python", help="the interpreter that has Airflow")
    # Not resolved: an environment's interpreter is a link to one that has nothing.
    python = pathlib.Path(parser.parse_args().python).absolute()
    variables = fresh_project()
    test_package(python, variables)
    with Airflow(python, variables) as airflow:
        airflow.must("db", "migrate")
        airflow.must("pools", "set", "rapport", "1", "one job at a time")
        airflow.must("pools", "set", "rapport_backfill", "2", "shards at a time")
        mistakes = [mistake for day, expected in DAYS for mistake in run(airflow, day, expected)]
        mistakes += figures()
        mistakes += backfill(airflow)
    for mistake in mistakes:
        print(f"!!! {mistake}", file=sys.stderr)
    if mistakes:
        print("".join(LOG.open().readlines()[-200:]), file=sys.stderr)
        raise SystemExit(f"{len(mistakes)} mistakes; all that Airflow said is in {LOG}")


def fresh_project():
    """A project of two sources, and the environment in which Airflow and its jobs run."""
    shutil.rmtree(SCRATCH, ignore_errors=True)
    shutil.copytree(PROJECT, SCRATCH / "project")
    source = (SCRATCH / "project/sources/sales.yaml").read_text()
    returns = source.replace("location: sales/", "location: returns/")
    (SCRATCH / "project/sources/returns.yaml").write_text(returns)
    shutil.copytree(SCRATCH / "project/landing/sales", SCRATCH / "project/landing/returns")
    binaries = SCRATCH / "bin"
    binaries.mkdir()
    for job in ("ingest", "resolve-identities", "build-customers", "build-metrics", "rapport"):
        (binaries / job).symlink_to(jobs.binary(job))
    return {
        "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}",
        "RAPPORT_CONFIG": str(SCRATCH / "project/rapport.yaml"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "AIRFLOW_HOME": str(SCRATCH / "home"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(EXAMPLES / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "false",
        "AIRFLOW_RAPPORT_POKE_SECONDS": str(POKE_SECONDS),
        "AIRFLOW_RAPPORT_DEADLINE_SECONDS": str(DEADLINE_SECONDS),
        "AIRFLOW_RAPPORT_RETRY_SECONDS": str(RETRY_SECONDS),
        "RAPPORT_SHARD_PATIENCE": SHARD_PATIENCE,
    }


def test_package(python, variables):
    """Runs the tests that the examples bring themselves, as their README says."""
    command = [python, "-m", "unittest", "discover", "--start-directory", "tests", "--buffer"]
    subprocess.run(command, cwd=EXAMPLES, env=jobs.environment(variables), check=True)


class Airflow:
    """A process that runs Airflow's commands; all it says goes to `LOG`."""

    def __init__(self, python, variables):
        self.command = [python, "-I", str(jobs.REPOSITORY / "ci/airflow_shell.py")]
        self.variables = variables

    def __enter__(self):
        self.log = LOG.open("w")
        self.process = subprocess.Popen(
            self.command,
            cwd=SCRATCH,
            env=jobs.environment(self.variables),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()
        self.log.close()

    def run(self, *arguments):
        """The exit code of a command."""
        self.process.stdin.write(json.dumps(arguments) + "\n")
        self.process.stdin.flush()
        deadline = threading.Timer(COMMAND_SECONDS, self.process.kill)
        deadline.start()
        answer = self.process.stdout.readline()
        deadline.cancel()
        if not answer:
            raise SystemExit(f"Airflow ended, or took too long; what it said is in {LOG}")
        return int(answer)

    def must(self, *arguments):
        """Runs a command that must succeed."""
        if code := self.run(*arguments):
            raise SystemExit(f"airflow {' '.join(arguments)}: exit code {code}; see {LOG}")


def run(airflow, day, expected):
    """Runs the DAG for a day; what is wrong with what became of it."""
    expected.prepare(day)
    before = warehouse().hashes()
    airflow.run("dags", "test", "rapport_daily", day)
    after = warehouse().hashes()
    state, states, tries = outcome(day)
    compared = [
        ("the run's state", expected.run, state),
        ("states", expected.states, states),
        ("tries", expected.tries, tries),
        ("partitions", expected.partitions, {table for table, dt in after if dt == day}),
        ("objects that are no partition", [], warehouse().strangers()),
    ]
    mistakes = [
        f"{day}, {expected.what}: {what}: expected {wanted}, found {found}"
        for what, wanted, found in compared
        if wanted != found
    ]
    others = differences(before, {key: after[key] for key in before if key in after})
    mistakes += [f"{day}, {expected.what}: was published before: {what}" for what in others]
    if not mistakes:
        print(f"{day}: {expected.what}")
    return mistakes


def backfill(airflow):
    """What is wrong with a backfill of the days with exports, from nothing and in shards."""
    days = sorted(day for day, expected in DAYS if expected.partitions == ALL)
    first, last = days[0], days[-1]
    end = datetime.date.fromisoformat(last) + datetime.timedelta(days=1)
    expected = {key: sha for key, sha in warehouse().hashes().items() if first <= key[1] <= last}
    shutil.rmtree(SCRATCH / "project/warehouse")
    conf = {"from": first, "to": end.isoformat(), "shards": 2}
    airflow.run("dags", "test", "rapport_backfill", "2024-04-01", "--conf", json.dumps(conf))
    with contextlib.closing(sqlite3.connect(SCRATCH / "home/airflow.db", timeout=60)) as database:
        runs = database.execute("select state from dag_run where dag_id = 'rapport_backfill'")
        runs = runs.fetchall()
        tasks = database.execute(
            "select task_id, map_index, state, pool from task_instance"
            " where dag_id = 'rapport_backfill' order by task_id, map_index"
        ).fetchall()
    wanted = [
        ("rest", -1, "success", "rapport_backfill"),
        ("shard", 0, "success", "rapport_backfill"),
        ("shard", 1, "success", "rapport_backfill"),
        ("shards", -1, "success", "default_pool"),
    ]
    mistakes = [
        f"backfill: {what}: expected {expected}, found {found}"
        for what, expected, found in [("runs", [("success",)], runs), ("tasks", wanted, tasks)]
        if expected != found
    ]
    mistakes += [f"backfill: {what}" for what in differences(expected, warehouse().hashes())]
    mistakes += [f"backfill: {key}: no partition" for key in warehouse().strangers()]
    # No shard did it all: each published something.
    publishers = {run["run_id"] for run in published_by()}
    if len(publishers) < 2:
        mistakes.append(f"backfill: published by {publishers}")
    if not mistakes:
        print(f"{first} to {last}: a backfill in two shards equals the daily runs")
    return mistakes


def published_by():
    """The runs that published something, as `rapport runs` tells them."""
    runs = json.loads(jobs.must_tell("rapport", ["runs", "--json"], project_variables()))
    return [run for run in runs if (run["result"] or {}).get("summary", {}).get("built_count")]


def project_variables():
    return {"RAPPORT_CONFIG": str(SCRATCH / "project/rapport.yaml")}


def outcome(day):
    """The state of the last run of a day, and state and tries of each task, from the database."""
    with contextlib.closing(sqlite3.connect(SCRATCH / "home/airflow.db", timeout=60)) as database:
        runs = database.execute(
            "select run_id, state from dag_run"
            " where dag_id = 'rapport_daily' and date(logical_date) = ? order by id",
            [day],
        ).fetchall()
        run_id, state = runs[-1]
        found = {
            task: (state, try_number)
            for task, state, try_number in database.execute(
                "select task_id, state, try_number from task_instance"
                " where dag_id = 'rapport_daily' and run_id = ?",
                [run_id],
            )
        }
    return state, tuple(found[task][0] for task in TASKS), tuple(found[task][1] for task in TASKS)


def warehouse():
    return Warehouse.local(SCRATCH / "project/warehouse")


def land(source, day, text):
    """Drops an export."""
    (SCRATCH / f"project/landing/{source}/{day}.csv").write_text(text)


def sales(*amounts):
    """An export of sales of these amounts."""
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(["sale_id", "sold_at", "customer_email", "channel", "amount"])
    for number, amount in enumerate(amounts, start=100):
        rows.writerow([f"S-{number}", "2024-03-07T09:00:00Z", None, "web", amount])
    return text.getvalue()


def break_export(day):
    """An export whose every amount is no number."""
    land("sales", day, sales("a lot", "more"))
    land("returns", day, sales("1.00"))


def half_the_exports(day):
    land("returns", day, sales("1.00"))


def hold_lease(day):
    """The lease on a table as a run on another machine holds it, until a task waits for it."""
    now = datetime.datetime.now(datetime.timezone.utc)
    written = {
        "token": "another",
        "run_id": "another",
        "process": {"machine": "another", "pid": 1, "started": 1},
        "acquired_at": now.isoformat(),
        "expires_at": (now + datetime.timedelta(hours=1)).isoformat(),
    }
    folder = SCRATCH / f"project/warehouse/_rapport/leases/metrics.takings/dt={day}"
    folder.mkdir(parents=True)
    lease = folder / "0000000001.json"
    lease.write_text(json.dumps(written))
    threading.Thread(target=give_back, args=[lease, day], daemon=True).start()


def give_back(lease, day):
    """Gives the lease back once the task that needs it has failed for it."""
    while True:
        time.sleep(0.2)
        with contextlib.suppress(LookupError):
            if "up_for_retry" in outcome(day)[1]:
                lease.unlink()
                return


def figures():
    """What is wrong with the published figures: those of the exports, added up by hand."""
    expected = {
        "2024-03-04": [("store", 1, "3.20", 2), ("web", 2, "52.50", 2)],
        "2024-03-05": [("store", 1, "7.75", 3), ("web", 1, "99.99", 3)],
        "2024-03-06": [("web", 1, "5.00", 3)],
    }
    columns = ["channel", "sale_count", "amount", "customer_count"]
    found = {}
    for (table, day), key in warehouse().partitions().items():
        if table == "metrics.takings":
            parquet = pyarrow.BufferReader(warehouse().read(key))
            rows = pyarrow.parquet.read_table(parquet, columns=columns).to_pylist()
            found[day] = [
                tuple(str(row[name]) if name == "amount" else row[name] for name in columns)
                for row in rows
            ]
    return [] if found == expected else [f"takings: expected {expected}, found {found}"]


BUILT = ("success", "skipped", "success", "success")
"""The project resolves no identities, so that job has nothing to do, and its task is skipped."""

# In this order: the day with a held lease continues the day before.
DAYS = [
    ("2024-03-04", Expected("a day with exports", "success", BUILT, (1, 1, 1, 1), ALL)),
    ("2024-03-05", Expected("the day after", "success", BUILT, (1, 1, 1, 1), ALL)),
    (
        "2024-03-06",
        Expected("a held lease", "success", BUILT, (1, 1, 1, 2), ALL, prepare=hold_lease),
    ),
    (
        "2024-03-07",
        Expected(
            "a broken export",
            "failed",
            ("failed", "upstream_failed", "upstream_failed", "upstream_failed"),
            (1, 0, 0, 0),
            {"raw.returns", "quarantine.returns"},
            prepare=break_export,
        ),
    ),
    (
        "2024-03-08",
        Expected("a day without exports", "success", ("skipped",) * 4, (1, 0, 0, 0), set()),
    ),
    (
        "2024-03-09",
        Expected(
            "a day with half its exports",
            "failed",
            ("failed", "upstream_failed", "upstream_failed", "upstream_failed"),
            (1, 0, 0, 0),
            {"raw.returns", "quarantine.returns"},
            prepare=half_the_exports,
        ),
    ),
    (
        "2024-03-04",
        Expected(
            "a fresh day again",
            "success",
            ("success", "skipped", "skipped", "skipped"),
            (1, 1, 1, 1),
            ALL,
        ),
    ),
]


if __name__ == "__main__":
    main()
