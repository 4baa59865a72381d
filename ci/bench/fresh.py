"""How soon it is known that nothing is to be done: a rerun of a fresh day, and a plan of all days.

Usage: python ci/bench/fresh.py CONFIG WAREHOUSE FROM TO, with a warehouse in which the days from
FROM to TO, exclusive, are built. CI runs it on the 121 days of the real shop. Fails where anything
is built or stale; and with release binaries, where the rerun of the last day takes 2 s or more, or
the plan of all days and tables 5 s or more. Prints both times, each the best of three.
"""

import datetime
import json
import os
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import jobs

RERUN_SECONDS = 2
PLAN_SECONDS = 5


def timed(job, arguments, variables):
    """The exit code, the JSON line and the wall seconds of a job."""
    started = time.perf_counter()
    finished = subprocess.run(
        [jobs.binary(job), *arguments],
        cwd=jobs.REPOSITORY,
        env=os.environ | {"RAPPORT_LOG": "error"} | variables,
        stdout=subprocess.PIPE,
        check=False,
    )
    seconds = time.perf_counter() - started
    lines = finished.stdout.splitlines()
    if not lines:
        raise SystemExit(f"{job} {' '.join(arguments)}: exit code {finished.returncode}")
    return finished.returncode, json.loads(lines[-1]), seconds


def main():
    config, warehouse, first, end = sys.argv[1:]
    variables = {"RAPPORT_CONFIG": config, "RAPPORT_WAREHOUSE": warehouse}
    last = str(datetime.date.fromisoformat(end) - datetime.timedelta(days=1))
    reruns, plans = [], []
    for _ in range(3):
        code, result, seconds = timed("daily", ["--date", last, "--skip-when-fresh"], variables)
        if code != 99 or result["built_count"] or result["unchanged_count"]:
            raise SystemExit(f"the rerun of {last} did some work: {result}")
        reruns.append(seconds)
        days = ["--from", first, "--to", end]
        code, result, seconds = timed("rapport", ["plan", "--json", *days], variables)
        plan = result["plan"]
        if code or plan["stale"] or plan["waiting"] or result["pending"]:
            raise SystemExit(f"not all of the days is fresh: {result}")
        plans.append(seconds)
    profile = jobs.binary("daily").parent.name
    print(f"{profile}: rerun of {last} {min(reruns):.2f} s (less than {RERUN_SECONDS} s wanted)")
    print(f"{profile}: plan of [{first}, {end}) {min(plans):.2f} s (less than {PLAN_SECONDS} s wanted)")
    if profile == "release" and (min(reruns) >= RERUN_SECONDS or min(plans) >= PLAN_SECONDS):
        raise SystemExit("too slow")


if __name__ == "__main__":
    main()
