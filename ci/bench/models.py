"""`build-customers` and `build-metrics` side by side with DuckDB: the same SQL on the same Parquet.

Usage: python ci/bench/models.py [CUSTOMERS] [DAYS]. Needs the duckdb package, and `cargo build
--release --bins` beforehand; BENCH_FOLDER keeps the exports and the identities for another time.

The sample company's exports are ingested and resolved once, untimed. Then both build every table
of marts and metrics, day by day, with two threads, into zstd Parquet. Ours are the two whole jobs:
planning, checks, fingerprints, publishing. DuckDB's are bare `copy` statements of the shipped SQL
in one process that stays up; a model with a function that DuckDB has no word for is left out of
DuckDB's work, and named, and the ratios (Rapport / DuckDB) are over the tables that both make: of
our time the share that those took, by the log. Prints wall and processor times, peak memory, the
ratios, our slowest tables, the rows that differ on the last day, and what a late day costs next to
an early one.
"""

import collections
import json
import os
import pathlib
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
THREADS = 2
FIRST_DAY = "2024-03-04"
ZONES = ("marts", "metrics")
TABLE = re.compile(r"\b(staging|identity|marts|metrics)\.(\w+)\b")

# DataFusion's and our own words in DuckDB's, in this order.
WORDS = {
    r"\bmake_array\(": "list_value(",
    r"\barray_length\(": "len(",
    r"\bcharacter_length\(": "length(",
    r"\bnamed_struct\(": "struct_pack(",
    r"\bto_char\(": "strftime(",
    r"\bcolumn1\b": "col0",
    r"\bcolumn2\b": "col1",
    r"\bcolumn3\b": "col2",
    r"\bleft (semi|anti) join\b": r"\1 join",
    # Days are numbers to the one, and dates less dates to the other.
    r"cast\(\s*cast\(([^()]+) as int\)([^()]*) as date\s*\)": r"cast(\1\2 as date)",
    r"cast\(([\w.]+_date|date '[\d-]+') as int\)": r"(\1 - date '1970-01-01')",
    r"cast\(\s*arrow_cast\(\s*([\w.]+),\s*'[^']*'\s*\)\s*as bigint\s*\)": r"epoch_us(\1)",
    r"\barrow_cast\(null, '[^']*'\)": "cast(null as timestamptz)",
    # Its hash is hexadecimal text already.
    r"\bencode\(": "hexadecimal(",
}
MACROS = """
create macro seconds_between(a, b) as cast(floor(epoch(b) - epoch(a)) as bigint);
create macro days_between(a, b) as cast(b as date) - cast(a as date);
create macro business_date(instant, zone) as cast(timezone(zone, instant) as date);
create macro wilson_centre(s, n, z) as (s + z * z / 2) / (n + z * z);
create macro wilson_half(s, n, z) as
    z / (n + z * z) * sqrt(cast(s as double) * (n - s) / n + z * z / 4);
create macro wilson_lower
    (s, n) as
    case when n > 0 then greatest(0, wilson_centre(s, n, 1.96) - wilson_half(s, n, 1.96)) end,
    (s, n, z) as
    case when n > 0 then greatest(0, wilson_centre(s, n, z) - wilson_half(s, n, z)) end;
create macro wilson_upper(s, n, z) as
    case when n > 0 then least(1, wilson_centre(s, n, z) + wilson_half(s, n, z)) end;
create macro sorted_list(value) as list_sort(list(value));
create macro hexadecimal(digest, encoding) as digest;
create macro nps_standard_error(p, m, d) as 100 * sqrt(greatest(0, (
    (p + d) - cast((p - d) * (p - d) as double) / (p + m + d)) / (p + m + d)) / (p + m + d));
"""


def run(job, folder, days, measured=True):
    """Runs a job over the days; gives wall and processor seconds, peak MiB and the log's lines."""
    started = time.perf_counter()
    with (folder / f"{job}.log").open("w") as log:
        process = subprocess.Popen(
            [TARGET / "release" / job, "--config", ROOT / "config/local.yaml", *days]
            + ["--log", "info", "--log-format", "json"],
            env=os.environ
            | {
                "RAPPORT_LANDING": str(folder / "exports"),
                "RAPPORT_WAREHOUSE": str(folder / "warehouse"),
                "RAPPORT_THREADS": str(THREADS),
            },
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        result = json.loads(process.stdout.read())
        _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, result.get("error")
    lines = [json.loads(line) for line in (folder / f"{job}.log").open()]
    processor = usage.ru_utime + usage.ru_stime
    return time.perf_counter() - started, processor, usage.ru_maxrss // 1024, lines


def prepare(folder, customers, days):
    """Exports, raw, staging and identity, where they are not there yet."""
    done = folder / "prepared.txt"
    if done.exists() and done.read_text() == f"{customers} {days}":
        return
    for name in ("exports", "truth", "warehouse", "prepared"):
        shutil.rmtree(folder / name, ignore_errors=True)
    subprocess.run(
        [TARGET / "release/sample-exports", "--out", folder / "exports", "--truth"]
        + [folder / "truth", *days, "--customers", str(customers), "--log", "warn"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    for job in ("ingest", "resolve-identities"):
        run(job, folder, days)
    (folder / "warehouse").rename(folder / "prepared")
    done.write_text(f"{customers} {days}")


def models():
    """The shipped SQL of marts and metrics, by zone.table, what each reads before it."""
    texts = {
        f"{zone}.{path.stem}": path.read_text()
        for zone in ZONES
        for path in sorted((ROOT / "sql" / zone).rglob("*.sql"))
    }
    reads = {
        name: {".".join(read) for read in TABLE.findall(text)} & texts.keys() - {name}
        for name, text in texts.items()
    }
    ordered = []
    while len(ordered) < len(texts):
        ordered += sorted(
            name for name in texts if name not in ordered and reads[name] <= set(ordered)
        )
    return {name: texts[name] for name in ordered}


def parameters(folder):
    """The effective values of the SQL's parameters."""
    found = subprocess.run(
        [TARGET / "release/rapport", "config", "--config", ROOT / "config/local.yaml"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return dict(re.findall(r"^parameters\.(\w+)\s*[:=]?\s+(\S+)", found, re.MULTILINE))


def duckdb_side(folder, days):
    """Builds every model with DuckDB; prints one JSON line. Runs in a process of its own."""
    import duckdb

    connection = duckdb.connect(config={"threads": THREADS})
    connection.execute("set enable_progress_bar = false; set TimeZone = 'UTC'")
    # A division of whole numbers leaves a whole number, as it does with DataFusion.
    connection.execute("set integer_division = true")
    connection.execute(MACROS)
    ours, theirs = folder / "warehouse", folder / "duckdb"
    shutil.rmtree(theirs, ignore_errors=True)
    for zone in ("staging", "identity", *ZONES):
        connection.execute(f"create schema {zone}")
    for zone in ("staging", "identity"):
        for table in (ours / zone).iterdir():
            connection.execute(
                f"create view {zone}.{table.name} as select * from read_parquet("
                f"'{table}/*/data.parquet', hive_partitioning = true)"
            )
    values, texts = parameters(folder), models()
    # What no query of ours makes: rows that the business declares.
    for zone in ZONES:
        for table in (ours / zone).iterdir():
            if f"{zone}.{table.name}" not in texts:
                connection.execute(
                    f"create view {zone}.{table.name} as select * from read_parquet("
                    f"'{table}/*/data.parquet', hive_partitioning = true)"
                )
    for name in texts:
        zone, table = name.split(".")
        before = theirs / zone / table / "dt=1970-01-01"
        before.mkdir(parents=True)
        connection.execute(
            f"copy (select * from read_parquet('{ours}/{zone}/{table}/dt={days[0]}/data.parquet',"
            f" hive_partitioning = false) limit 0) to '{before}/data.parquet' (format parquet)"
        )
        connection.execute(
            f"create view {name} as select * from read_parquet("
            f"'{theirs}/{zone}/{table}/*/data.parquet', hive_partitioning = true)"
        )
    left_out, seconds = {}, collections.Counter()
    for day in days:
        for name, text in texts.items():
            if name in left_out:
                continue
            zone, table = name.split(".")
            place = theirs / zone / table / f"dt={day}"
            place.mkdir(parents=True)
            statement = translate(text, day, values)
            started = time.perf_counter()
            try:
                connection.execute(
                    f"copy ({statement}) to '{place}/data.parquet'"
                    " (format parquet, compression zstd, compression_level 3)"
                )
            except duckdb.Error as error:
                # Its readers need something: our own table stands in for it.
                left_out[name] = str(error).splitlines()[0]
                seconds.pop(name, None)
                shutil.rmtree(theirs / zone / table)
                connection.execute(
                    f"create or replace view {name} as select * from read_parquet("
                    f"'{ours}/{zone}/{table}/*/data.parquet', hive_partitioning = true)"
                )
            else:
                seconds[name] += time.perf_counter() - started
    usage = resource.getrusage(resource.RUSAGE_SELF)
    differences = {
        name: differing_rows(connection, folder, name, days[-1])
        for name in texts
        if name not in left_out
    }
    print(
        json.dumps(
            {
                "seconds": sum(seconds.values()),
                "processor": usage.ru_utime + usage.ru_stime,
                "memory": usage.ru_maxrss // 1024,
                "by_table": seconds,
                "left_out": left_out,
                "differences": {name: count for name, count in differences.items() if count},
            }
        )
    )


def translate(text, day, values):
    """A model's SQL for one day, in DuckDB's words."""
    text = text.replace("$run_date", f"date '{day}'").replace("$time_zone", "'Europe/London'")
    text = text.replace("$first_input_date", f"date '{FIRST_DAY}'")
    for name, value in sorted(values.items(), key=lambda pair: -len(pair[0])):
        quoted = value if re.fullmatch(r"-?[\d.]+", value) else f"'{value}'"
        text = text.replace(f"${name}", quoted)
    for word, other in WORDS.items():
        text = re.sub(word, other, text)
    # An aggregate everywhere, and never a window's function.
    return re.sub(r"\bfirst_value\(", "first(", text)


def differing_rows(connection, folder, name, day):
    """How many rows of a day one side has and the other has not, both ways."""
    zone, table = name.split(".")
    ours, theirs = (
        f"select * from read_parquet('{folder}/{side}/{zone}/{table}/dt={day}/data.parquet',"
        " hive_partitioning = false)"
        for side in ("warehouse", "duckdb")
    )
    return connection.execute(
        f"select count(*) from (({ours} except all {theirs}) union all"
        f" ({theirs} except all {ours}))"
    ).fetchone()[0]


def our_side(folder, days):
    """Builds every model with the two jobs: wall and processor seconds, peak MiB, seconds by table
    and day."""
    shutil.rmtree(folder / "warehouse", ignore_errors=True)
    shutil.copytree(folder / "prepared", folder / "warehouse")
    wall, processor, memory = 0, 0, 0
    spent = collections.defaultdict(collections.Counter)
    for job in ("build-customers", "build-metrics"):
        seconds, used, peak, lines = run(job, folder, days)
        wall, processor, memory = wall + seconds, processor + used, max(memory, peak)
        for line in lines:
            if "duration_ms" in line and "table" in line:
                spent[line["dt"]][line["table"]] += line["duration_ms"] / 1000
    return wall, processor, memory, spent


def main():
    customers = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 30
    first = time.strptime(FIRST_DAY, "%Y-%m-%d")
    start = int(time.mktime(first)) + 43_200
    days = [time.strftime("%Y-%m-%d", time.localtime(start + 86_400 * at)) for at in range(count + 1)]
    flags = ["--from", days[0], "--to", days[-1]]
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(os.environ.get("BENCH_FOLDER") or scratch)
        folder.mkdir(parents=True, exist_ok=True)
        prepare(folder, customers, flags)
        wall, processor, memory, spent = our_side(folder, flags)
        print(f"rapport {wall:7.1f} s  {processor:7.1f} s of processor  {memory} MiB", flush=True)
        shown = subprocess.run(
            [sys.executable, __file__, "--duckdb", folder, *days[:-1]],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout
    theirs = json.loads(shown)
    totals = collections.Counter()
    for by_table in spent.values():
        totals.update(by_table)
    # What DuckDB leaves out is no work of its: ours is the share of the tables that both make.
    share = sum(totals[name] for name in theirs["by_table"]) / sum(totals.values())
    print(
        f"duckdb  {theirs['seconds']:7.1f} s  {theirs['processor']:7.1f} s of processor  "
        f"{theirs['memory']} MiB"
    )
    print(f"tables that both make: {share:.0%} of ours")
    print(
        f"ratio over them {share * wall / theirs['seconds']:.2f}, of processor time "
        f"{share * processor / theirs['processor']:.2f}, memory {memory / theirs['memory']:.2f}"
    )
    for name, why in theirs["left_out"].items():
        print(f"left out of DuckDB's work: {name}: {why}")
    for name, rows in theirs["differences"].items():
        print(f"{name}: {rows} rows differ on the last day")
    for name, seconds in totals.most_common(20):
        their = theirs["by_table"].get(name)
        beside = f"duckdb {their:7.2f} s  ratio {seconds / their:6.2f}" if their else ""
        print(f"{name:40} {seconds:7.2f} s  {beside}")
    by_day = {day: sum(by_table.values()) for day, by_table in sorted(spent.items())}
    early, late = list(by_day.items())[min(1, count - 1)], list(by_day.items())[-1]
    print(f"a day: {early[0]} {early[1]:.2f} s, {late[0]} {late[1]:.2f} s")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--duckdb"]:
        duckdb_side(pathlib.Path(sys.argv[2]), sys.argv[3:])
    else:
        main()
