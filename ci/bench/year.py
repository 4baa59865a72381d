"""A year of all shipped tables: how soon a plan knows that nothing is to be done, and what one late
file among all its days rebuilds.

Usage: python ci/bench/year.py [DAYS] [CUSTOMERS]. Needs `cargo build --release --bins` beforehand;
BENCH_FOLDER says where to write and keeps what is there, so that a second start goes on. By default
365 days of a company of 50 customers, which take the better part of an hour on two cores.

One day's file of the shop's reviews is kept back while the year is built. Then it is delivered, and
the backfill that follows must rebuild nothing but what reads it: of every version that it publishes
the ledger must say that it read the file, or another version that it published. In the end all tables
must be, byte for byte, those of a warehouse that had the file from the start; but for
metrics.restatements, which tells what moved. A plan of all days must take less than 10 s, and make
fewer than 400 requests: those a test counts (`cargo test --release --lib -- --ignored a_plan_over_a_year`).
"""

import datetime
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import pyarrow.parquet

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import jobs

FIRST_DAY = datetime.date(2024, 1, 1)
PLAN_SECONDS = 10
LATE = "shop/reviews"


def run(name, arguments, variables):
    """Runs a binary that must succeed: its last line on stdout as JSON, and its wall seconds."""
    started = time.perf_counter()
    finished = subprocess.run(
        [jobs.binary(name), *arguments],
        cwd=jobs.REPOSITORY,
        env=os.environ | {"RAPPORT_LOG": "error", "RAPPORT_CONFIG": "config/local.yaml"} | variables,
        stdout=subprocess.PIPE,
        check=False,
    )
    if finished.returncode:
        raise SystemExit(f"{name} {' '.join(arguments)}: exit code {finished.returncode}")
    lines = finished.stdout.splitlines()
    told = json.loads(lines[-1]) if lines and lines[-1].startswith(b"{") else None
    return told, time.perf_counter() - started


def tables(warehouse):
    """The bytes of everything that readers see, by its place."""
    files = warehouse.glob("*/*/dt=*/data.parquet")
    places = {file.relative_to(warehouse): file for file in files}
    return {place: file.read_bytes() for place, file in places.items() if place.parts[0] != "_rapport"}


def ledger(warehouse, scratch, variables):
    """Every version of the warehouse."""
    run("rapport", ["ledger", "--out", str(scratch)], variables | {"RAPPORT_WAREHOUSE": str(warehouse)})
    return pyarrow.parquet.read_table(scratch).to_pylist()


def reaches(versions, source, day):
    """The partitions among `versions`, published one after the other, that were built because of
    the late file: those that read it, or read another of them; and the others."""
    touched, others = set(), []
    for version in versions:
        partition = (version["table"], version["dt"])
        inputs = {(one["table"], one["dt"]) for one in version["inputs"] or []}
        itself = {f"raw.{source}", f"quarantine.{source}", "staging.export_accounting"}
        # These are of what the ledger says, and name no inputs.
        is_told = version["table"] == "metrics.restatements" and any(
            table.startswith("metrics.") and dt == version["dt"] for table, dt in touched
        )
        if (version["table"] in itself and version["dt"] == day) or is_told or inputs & touched:
            touched.add(partition)
        else:
            others.append((partition, version["reason"]))
    return touched, others


def main():
    day_count = int(sys.argv[1]) if len(sys.argv) > 1 else 365
    customers = sys.argv[2] if len(sys.argv) > 2 else "50"
    end = FIRST_DAY + datetime.timedelta(days=day_count)
    days = ["--from", str(FIRST_DAY), "--to", str(end)]
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(os.environ.get("BENCH_FOLDER") or scratch).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        exports, kept_back = folder / "exports", folder / "kept-back"
        if not exports.exists():
            run("sample-exports", ["--out", str(exports), *days, "--customers", customers], {})
        middle = FIRST_DAY + datetime.timedelta(days=day_count // 2)
        if kept_back.exists():
            for file in kept_back.iterdir():
                shutil.move(file, exports / LATE / file.name)
        files = sorted((exports / LATE).glob("*"))
        late = min(
            (file for file in files if any(file.iterdir())),
            key=lambda file: abs(datetime.date.fromisoformat(file.name) - middle),
        )
        day = datetime.date.fromisoformat(late.name)
        variables = {"RAPPORT_LANDING": str(exports)}

        def built(name):
            warehouse = folder / name
            backfill = ["backfill", "--parallel", "2", *days]
            told, seconds = run("rapport", backfill, variables | {"RAPPORT_WAREHOUSE": str(warehouse)})
            return warehouse, told, seconds

        whole, told, seconds = built("from-the-start")
        print(f"{day_count} days with the file: {told['built_count']} built in {seconds:.0f} s", flush=True)
        kept_back.mkdir(exist_ok=True)
        shutil.move(late, kept_back / late.name)
        warehouse, told, seconds = built("late")
        print(f"{day_count} days without it: {told['built_count']} built in {seconds:.0f} s", flush=True)
        variables_late = variables | {"RAPPORT_WAREHOUSE": str(warehouse)}
        plans = []
        for _ in range(3):
            told, seconds = run("rapport", ["plan", "--json", *days], variables_late)
            if told["plan"]["stale"] or told["plan"]["waiting"]:
                raise SystemExit("not all of the days is fresh")
            plans.append(seconds)
        print(f"a plan of all days: {min(plans):.2f} s (less than {PLAN_SECONDS} s wanted)", flush=True)

        def version_of(version):
            return version["table"], version["dt"], version["version"]

        before = {version_of(one) for one in ledger(warehouse, folder / "before.parquet", variables)}
        shutil.move(kept_back / late.name, late)
        told, seconds = run("rapport", ["backfill", "--parallel", "2", *days], variables_late)
        after = ledger(warehouse, folder / "after.parquet", variables)
        versions = [one for one in after if version_of(one) not in before]
        versions.sort(key=lambda version: version["published_at"])
        touched, others = reaches(versions, "reviews", day)
        print(
            f"the file of {day}: {told['built_count']} built, {told['unchanged_count']} unchanged, "
            f"{told['fresh_count']} fresh, in {seconds:.0f} s",
            flush=True,
        )
        for partition, reason in others[:20]:
            print(f"built without need: {partition}: {reason}")
        same, wanted = tables(warehouse), tables(whole)
        restatements = pathlib.Path("metrics/restatements")
        differing = [
            place
            for place in sorted(same.keys() | wanted.keys())
            if same.get(place) != wanted.get(place) and restatements not in place.parents
        ]
        for place in differing[:20]:
            print(f"other bytes than from the start: {place}")
        print(f"{len(same)} objects; {len(differing)} are other than from the start")
        if others or differing or min(plans) >= PLAN_SECONDS:
            raise SystemExit("the bar is not met")


if __name__ == "__main__":
    main()
