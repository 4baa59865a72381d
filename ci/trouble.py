"""Runs `daily` on object storage that has bad days, and on storage that it shares with another run.

    trouble.py [--runs RUNS] [--tenth] [--seed N]

**Bad days**: a proxy before moto's S3 server answers one request in twenty with 500, 503 or
SlowDown, some late, and breaks some connections in the middle of an answer. So many runs of `daily`
go through it, each into a warehouse of its own. A run that gives up says so with 20 and is run
again. In the end the tables must be, byte for byte, those of a run on local files, each version must
be in the ledger once, nothing else may lie about, and nothing may be left to do.

**No good day at all**: storage that fails every request from some moment on ends the run with 20
once its patience is over, and with whole partitions; when it is well again, a rerun finishes.

**Two runs at once** on the same days: one that finds the other's lease ends with 13 and publishes
nothing of that partition; one that lost its lease in its sleep is fenced, and publishes nothing more.
"""

import argparse
import collections
import contextlib
import os
import pathlib
import random
import signal
import sys
import tempfile
import time

import pyarrow.parquet

import faulty_storage
import jobs
import servers
from warehouses import Warehouse, differences

PROJECT = jobs.REPOSITORY / "tests/projects/small"
DAYS = ["--from", "2024-03-04", "--to", "2024-03-07"]

RUNS = 50

BAD_DAYS = faulty_storage.Odds(error=0.05, delay=0.02, drop=0.01, delay_seconds=1.5)

# A run that gives up so often in a row finds storage that is down, not storage that has bad days.
ATTEMPTS = 5

LEASE_SECONDS = 5


class Bench:
    """The small project's exports on an S3 server, and what a run on local files makes of them."""

    def __init__(self, storage, authority):
        self.storage = storage
        self.sound = storage.variables | {"RAPPORT_CONFIG": str(PROJECT / "rapport.yaml")}
        self.sound["RAPPORT_LANDING"] = storage.url("landing")
        self.troubled = self.sound | {"AWS_ENDPOINT_URL": f"http://{authority}"}
        self.numbers = iter(range(1_000_000))
        storage.upload(PROJECT / "landing", "landing")
        with tempfile.TemporaryDirectory() as folder:
            local = {"RAPPORT_CONFIG": self.sound["RAPPORT_CONFIG"], "RAPPORT_WAREHOUSE": folder}
            jobs.must_run("daily", DAYS, local)
            self.expected = Warehouse.local(folder).hashes()

    def fresh_warehouse(self):
        """An empty warehouse, and the variable that names it."""
        prefix = f"warehouse-{next(self.numbers)}"
        warehouse = Warehouse(self.storage.filesystem, f"{servers.BUCKET}/{prefix}")
        return warehouse, {"RAPPORT_WAREHOUSE": self.storage.url(prefix)}

    def wrong_with_visible(self, warehouse):
        """Where a reader sees anything that an undisturbed run does not publish."""
        mistakes = [f"{key}: not a partition" for key in warehouse.strangers()]
        found = warehouse.hashes()
        return mistakes + differences({key: self.expected.get(key) for key in found}, found)

    def wrong_with_finished(self, warehouse, variables):
        """Where the warehouse is not that of one undisturbed run, everything published once."""
        mistakes = differences(self.expected, warehouse.hashes())
        mistakes += [f"{key}: not a partition" for key in warehouse.strangers()]
        for area in ("work", "intents", "leases"):
            mistakes += [f"{key}: left behind" for key, _ in warehouse.objects(f"_rapport/{area}")]
        versions = collections.Counter(self.ledger(variables))
        mistakes += [
            f"{table} dt={day}: {count} versions in the ledger, expected 1"
            for (table, day), count in sorted(versions.items())
            if count != 1
        ]
        if set(versions) != set(self.expected):
            mistakes.append(f"the ledger knows {len(versions)} partitions")
        again = jobs.run("daily", [*DAYS, "--skip-when-fresh"], self.sound | variables)
        if again.exit_code != 99:
            mistakes.append(f"a rerun ended with {again.exit_code}, expected 99: {again.result}")
        return mistakes

    def ledger(self, variables):
        """The partition of every version in the ledger."""
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "ledger.parquet"
            jobs.must_tell("rapport", ["ledger", "--out", str(path)], self.sound | variables)
            rows = pyarrow.parquet.read_table(path, columns=["table", "dt"]).to_pylist()
        return [(row["table"], str(row["dt"])) for row in rows]


def bad_days(bench, faulty, runs):
    """Mistakes of so many runs through bad days."""
    faulty.odds = BAD_DAYS
    started, mistakes = time.monotonic(), []
    given_up = collections.Counter()
    for number in range(runs):
        warehouse, variables = bench.fresh_warehouse()
        for attempt in range(ATTEMPTS):
            run = jobs.run("daily", DAYS, bench.troubled | variables)
            found = bench.wrong_with_visible(warehouse)
            if run.exit_code not in (0, 20):
                found.append(f"exit code {run.exit_code}: {run.result.get('error')}")
            mistakes += [f"run {number}, attempt {attempt}: {mistake}" for mistake in found]
            if run.exit_code == 0:
                break
            given_up[what_was_asked(run.result)] += 1
        found = bench.wrong_with_finished(warehouse, variables)
        mistakes += [f"run {number}: {mistake}" for mistake in found]
    print(
        f"bad days: {runs} runs in {time.monotonic() - started:.0f} s, {faulty.told()}; "
        f"{sum(given_up.values())} times given up{told(given_up)}: "
        + (f"{len(mistakes)} mistakes" if mistakes else "nothing lost, nothing doubled"),
        flush=True,
    )
    return [f"bad days: {mistake}" for mistake in mistakes]


def what_was_asked(result):
    """What a run that gave up had asked for: `read`, `list`, `write`."""
    return str((result.get("error") or {}).get("message", "?")).split("`")[0].strip()


def told(counts):
    return f" ({', '.join(f'{what}: {count}' for what, count in counts.items())})" if counts else ""


def no_good_day(bench, faulty):
    """Mistakes where storage fails every request from some moment on."""
    faulty.odds = faulty_storage.Odds()
    warehouse, variables = bench.fresh_warehouse()
    patience = {"RAPPORT_STORAGE_RETRY_SECONDS": "2", "RAPPORT_STORAGE_TIMEOUT_SECONDS": "2"}
    process = jobs.start("daily", DAYS, bench.troubled | variables | patience)
    wait_until(lambda: warehouse.partitions(), process)
    faulty.odds = faulty_storage.Odds(error=1.0)
    failed_at = time.monotonic()
    run = jobs.finish(process)
    took = time.monotonic() - failed_at
    mistakes = bench.wrong_with_visible(warehouse)
    if run.exit_code != 20 or took > 30:
        mistakes.append(f"exit code {run.exit_code} after {took:.0f} s: {run.result}")
    faulty.odds = faulty_storage.Odds()
    finished = jobs.run("daily", DAYS, bench.sound | variables)
    if finished.exit_code != 0:
        mistakes.append(f"the rerun: exit code {finished.exit_code}: {finished.result}")
    mistakes += bench.wrong_with_finished(warehouse, variables)
    print(f"no good day at all: ended with {run.exit_code} after {took:.1f} s, finished by a rerun")
    return [f"no good day: {mistake}" for mistake in mistakes]


def two_at_once(bench):
    """Mistakes where a run meets another's lease, or wakes up after its own was taken over."""
    mistakes = []

    # Whoever comes second.
    warehouse, variables = bench.fresh_warehouse()
    variables = bench.sound | variables
    with asleep_with_a_lease(warehouse, variables) as first:
        before = warehouse.hashes()
        second = jobs.run("daily", DAYS, variables)
        if second.exit_code != 13 or second.result["error"]["kind"] != "lease_held":
            mistakes.append(f"the second ended with {second.exit_code}: {second.result}")
        mistakes += differences(before, warehouse.hashes())
    first = jobs.finish(first)
    if first.exit_code != 0:
        mistakes.append(f"the first ended with {first.exit_code}: {first.result}")
    mistakes += bench.wrong_with_finished(warehouse, variables)

    # Whoever sleeps through its lease.
    warehouse, variables = bench.fresh_warehouse()
    variables = bench.sound | variables | {"RAPPORT_LEASE_SECONDS": str(LEASE_SECONDS)}
    # The process is seen to live on this machine, but its lease runs out all the same.
    with asleep_with_a_lease(warehouse, variables) as sleeper:
        time.sleep(LEASE_SECONDS + 0.5)
        second = jobs.run("daily", DAYS, variables)
        if second.exit_code != 0:
            mistakes.append(f"the one that took over ended with {second.exit_code}")
    woken = jobs.finish(sleeper)
    # 0 where it fell asleep before it looked what is published: it finds everything done. 20 where it
    # slept within a request, for longer than storage is waited for.
    if woken.exit_code not in (13, 0, 20) or woken.result.get("built_count") != 0:
        mistakes.append(f"the sleeper ended with {woken.exit_code}: {woken.result}")
    mistakes += bench.wrong_with_finished(warehouse, variables)

    # Both at the same moment.
    warehouse, variables = bench.fresh_warehouse()
    variables = bench.sound | variables
    both = [jobs.finish(process) for process in [jobs.start("daily", DAYS, variables) for _ in "12"]]
    codes = sorted(run.exit_code for run in both)
    if codes not in ([0, 0], [0, 13]):
        mistakes.append(f"two at once ended with {codes}: {[run.result for run in both]}")
    mistakes += bench.wrong_with_finished(warehouse, variables)
    print(
        f"two runs at once: 13 for the second, {woken.exit_code} for one that slept, {codes} for two "
        "at the same moment"
    )
    return [f"two runs at once: {mistake}" for mistake in mistakes]


@contextlib.contextmanager
def asleep_with_a_lease(warehouse, variables):
    """A run that is stopped while it holds a lease, and goes on when the block ends."""
    process = jobs.start("daily", DAYS, variables)
    wait_until(lambda: warehouse.objects("_rapport/leases"), process)
    os.kill(process.pid, signal.SIGSTOP)
    try:
        if not warehouse.objects("_rapport/leases"):
            raise SystemExit("the lease was given back in the moment the run was stopped")
        yield process
    finally:
        os.kill(process.pid, signal.SIGCONT)


def wait_until(condition, process, seconds=60):
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until or process.poll() is not None:
            raise SystemExit(f"waited in vain: {jobs.finish(process)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, help=f"runs through bad days [{RUNS}]")
    parser.add_argument("--tenth", action="store_true", help="a tenth of the runs")
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    arguments = parser.parse_args()
    runs = RUNS // (10 if arguments.tenth else 1) if arguments.runs is None else arguments.runs
    print(f"seed {arguments.seed}, binary {jobs.binary('daily')}", flush=True)
    with contextlib.ExitStack() as stack:
        storage = stack.enter_context(servers.s3())
        sound = storage.variables["AWS_ENDPOINT_URL"].removeprefix("http://")
        trouble = faulty_storage.before(sound, faulty_storage.Odds(), arguments.seed)
        authority, faulty = stack.enter_context(trouble)
        bench = Bench(storage, authority)
        mistakes = two_at_once(bench)
        mistakes += no_good_day(bench, faulty)
        mistakes += bad_days(bench, faulty, runs)
    for mistake in mistakes:
        print(mistake)
    sys.exit(1 if mistakes else 0)


if __name__ == "__main__":
    main()
