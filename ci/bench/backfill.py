"""A backfill of the sample company, one target at a time and two at once: wall time, and the bytes.

Usage: python ci/bench/backfill.py [DAYS] [CUSTOMERS]. Needs `cargo build --release --bins`
beforehand. Prints the seconds of both, their ratio (at most 0.7 is wanted on two cores), how long a
plan of all days takes before and after, and whether the tables are the same, byte for byte.
"""

import datetime
import os
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
FIRST_DAY = datetime.date(2024, 3, 4)


def run(arguments, variables):
    """Runs a binary that must succeed; gives its wall seconds."""
    name, *arguments = arguments
    started = time.perf_counter()
    finished = subprocess.run(
        [TARGET / "release" / name, *arguments],
        cwd=ROOT,
        env=os.environ | {"RAPPORT_LOG": "warn"} | variables,
        stdout=subprocess.DEVNULL,
        check=False,
    )
    if finished.returncode:
        raise SystemExit(f"{name} {' '.join(arguments)}: exit code {finished.returncode}")
    return time.perf_counter() - started


def tables(warehouse):
    """The bytes of everything that readers see."""
    files = sorted(warehouse.glob("*/*/dt=*/data.parquet"))
    return {
        file.relative_to(warehouse): file.read_bytes()
        for file in files
        if file.parts[len(warehouse.parts)] != "_rapport"
    }


def main():
    day_count = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    customers = sys.argv[2] if len(sys.argv) > 2 else "2000"
    last = FIRST_DAY + datetime.timedelta(days=day_count)
    days = ["--from", str(FIRST_DAY), "--to", str(last)]
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        exports = str(folder / "exports")
        run(["sample-exports", "--out", exports, *days, "--customers", customers], {})
        seconds, built = {}, {}
        for parallel in ("1", "2"):
            warehouse = folder / f"warehouse-{parallel}"
            variables = {
                "RAPPORT_CONFIG": "config/local.yaml",
                "RAPPORT_LANDING": exports,
                "RAPPORT_WAREHOUSE": str(warehouse),
            }
            planned = run(["rapport", "plan", "--json", *days], variables)
            backfill = ["rapport", "backfill", "--parallel", parallel, *days]
            seconds[parallel] = run(backfill, variables)
            fresh = run(["rapport", "plan", "--json", *days], variables)
            built[parallel] = tables(warehouse)
            print(
                f"--parallel {parallel}: {seconds[parallel]:.1f} s for {len(built[parallel])} "
                f"partitions; a plan before {planned:.1f} s, after {fresh:.1f} s",
                flush=True,
            )
    ratio = seconds["2"] / seconds["1"]
    same = "the same bytes" if built["1"] == built["2"] else "OTHER BYTES"
    print(f"two at once take {ratio:.2f} of one at a time; {same}")
    sys.exit(built["1"] != built["2"])


if __name__ == "__main__":
    main()
