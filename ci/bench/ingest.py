"""Ingest side by side with DuckDB: the same CSV, the same types, zstd Parquet out.

Usage: python ci/bench/ingest.py [MIB] [RUNS]. Needs the duckdb package, and `cargo build
--release --bin ingest` beforehand; BENCH_FOLDER keeps the CSV for another time. Ours is the whole
job `ingest`, from start to published partition: typed, checked, exact duplicates found; DuckDB's
is its query alone. Prints the wall times, their ratio (Rapport / DuckDB, medians of alternating
runs) and the peak memory.
"""

import json
import os
import pathlib
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

SOURCE = """\
description: Generated sales.
location: sales.csv
format: csv
load: snapshot
time_zone: UTC
columns:
  - {name: sale_id, type: integer, required: true}
  - {name: customer, type: string}
  - {name: channel, type: string, allowed: [web, store, phone, app]}
  - {name: quantity, type: integer}
  - {name: price, type: "decimal(12,2)"}
  - {name: score, type: double}
  - {name: sold_at, type: timestamp}
  - {name: sold_on, type: date}
  - {name: is_gift, type: boolean}
  - {name: note, type: string}
"""

SETTINGS = """\
landing: landing
warehouse: warehouse
sources: [sources]
models: [models]
threads: 2
"""

DUCKDB = """
import duckdb, sys, time, resource
connection = duckdb.connect(config={{"threads": 2}})
connection.execute("set enable_progress_bar = false")
started = time.perf_counter()
connection.execute(\"\"\"
copy (select * from read_csv('{csv}', header = true, delim = ',', quote = '"', columns = {{
    'sale_id': 'BIGINT', 'customer': 'VARCHAR', 'channel': 'VARCHAR', 'quantity': 'BIGINT',
    'price': 'DECIMAL(12,2)', 'score': 'DOUBLE', 'sold_at': 'TIMESTAMP', 'sold_on': 'DATE',
    'is_gift': 'BOOLEAN', 'note': 'VARCHAR'}}))
to '{parquet}' (format parquet, compression zstd, compression_level 3)\"\"\")
print(time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""

WORDS = (
    "late parcel please call back gift wrap paid twice returned wrong size blue red green "
    "first order repeat loyalty summer sale broken box thank you"
).split()


def generate(path: pathlib.Path, mebibytes: int) -> None:
    """Writes at least `mebibytes` of sales; the same for the same size."""
    dice = random.Random(7)
    block, rows = [], 40_000
    for _ in range(rows):
        note = " ".join(dice.choices(WORDS, k=dice.randint(0, 7)))
        if dice.random() < 0.1:
            note = f'"{note}, said ""{dice.choice(WORDS)}"""'
        month, day = dice.randint(1, 12), dice.randint(1, 28)
        clock = f"{dice.randint(0, 23):02}:{dice.randint(0, 59):02}:{dice.randint(0, 59):02}"
        block.append(
            f",C{dice.randint(1, 900_000):07},{dice.choice(['web', 'store', 'phone', 'app'])},"
            f"{dice.randint(-3, 40)},{dice.randint(1, 99_999) / 100:.2f},{dice.random():.6f},"
            f"2024-{month:02}-{day:02} {clock},2024-{month:02}-{day:02},"
            f"{dice.choice(['true', 'false'])},{note}\n"
        )
    with path.open("w") as file:
        file.write("sale_id,customer,channel,quantity,price,score,sold_at,sold_on,is_gift,note\n")
        number = 0
        while file.tell() < mebibytes * 1024 * 1024:
            dice.shuffle(block)
            file.write("".join(f"{number + at}{row}" for at, row in enumerate(block)))
            number += rows


def main() -> None:
    mebibytes = int(sys.argv[1]) if len(sys.argv) > 1 else 1024
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    root = pathlib.Path(__file__).parent.parent.parent
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", root / "target"))
    kept = os.environ.get("BENCH_FOLDER")
    with tempfile.TemporaryDirectory() as scratch:
        compare(target, pathlib.Path(kept or scratch), mebibytes, runs)


def compare(target: pathlib.Path, folder: pathlib.Path, mebibytes: int, runs: int) -> None:
    """Runs both in turn below `folder`, and prints what they took."""
    csv = folder / "landing/sales.csv"
    csv.parent.mkdir(parents=True, exist_ok=True)
    if not csv.exists():
        generate(csv, mebibytes)
    for name in ["sources", "models"]:
        (folder / name).mkdir(exist_ok=True)
    (folder / "sources/sales.yaml").write_text(SOURCE)
    settings = folder / "rapport.yaml"
    settings.write_text(SETTINGS)
    print(f"{csv.stat().st_size / 2**20:.0f} MiB of CSV", flush=True)
    ours, theirs = [], []
    for _ in range(runs):
        out = folder / "duckdb.parquet"
        out.unlink(missing_ok=True)
        code = DUCKDB.format(csv=csv, parquet=out)
        shown = subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, text=True
        ).stdout.split()
        theirs.append(float(shown[0]))
        print(f"duckdb  {theirs[-1]:6.2f} s  {shown[1]} MiB  {out.stat().st_size} bytes", flush=True)
        shutil.rmtree(folder / "warehouse", ignore_errors=True)
        started = time.perf_counter()
        job = subprocess.Popen(
            [target / "release/ingest", "--config", settings, "--date", "2024-02-29"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        result = json.loads(job.stdout.read())
        _, status, usage = os.wait4(job.pid, 0)
        ours.append(time.perf_counter() - started)
        assert status == 0, result
        published = folder / "warehouse/raw/sales/dt=2024-02-29/data.parquet"
        print(
            f"rapport {ours[-1]:6.2f} s  {usage.ru_maxrss // 1024} MiB  "
            f"{published.stat().st_size} bytes  {result['accounting']['sales']}",
            flush=True,
        )
    ratio = statistics.median(ours) / statistics.median(theirs)
    print(f"ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
