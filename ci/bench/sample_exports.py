"""How fast `sample-exports` makes exports, beside a plain write of the same bytes.

Usage: python ci/bench/sample_exports.py [CUSTOMERS] [RUNS]. Needs `cargo build --release --bin
sample-exports` beforehand; BENCH_FOLDER says where to write. For each run over 30 days it prints
the wall time, the processor time in the program and in the kernel, and the peak memory; at the end
wall time and memory with ten times as many customers.

The rate is megabytes of exports before compression over seconds of one core: the processor time of
all threads, with that which the kernel takes to write the files, and with all that is made beside
the exports. The truth counts as work, but not as megabytes; a Parquet export counts with its size
as it is. Beside it stands what a plain write of as many bytes to one file takes, in wall and
processor time. A megabyte is 1,000,000 bytes.
"""

import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import typing

DAYS = ["--from", "2024-03-04", "--to", "2024-04-03"]


class Made(typing.NamedTuple):
    """Exports that were made: the result line, seconds, and the peak memory in MiB."""

    result: dict
    wall: float
    program: float
    kernel: float
    memory: int


def make(binary: pathlib.Path, folder: pathlib.Path, customers: int) -> Made:
    """Makes exports in a new folder."""
    folder.mkdir(parents=True)
    started = time.perf_counter()
    job = subprocess.Popen(
        [binary, "--out", folder / "exports", *DAYS, "--customers", str(customers), "--log", "warn"],
        stdout=subprocess.PIPE,
        text=True,
    )
    result = json.loads(job.stdout.read())
    _, status, usage = os.wait4(job.pid, 0)
    wall = time.perf_counter() - started
    assert status == 0, result
    return Made(result, wall, usage.ru_utime, usage.ru_stime, usage.ru_maxrss // 1024)


def plain_write(folder: pathlib.Path, byte_count: int) -> tuple[float, float]:
    """Wall and processor seconds to write so many bytes to one file."""
    block = os.urandom(1 << 20)
    path = folder / "plain"
    started, processor = time.perf_counter(), time.process_time()
    with path.open("wb", buffering=0) as file:
        for _ in range(byte_count // len(block)):
            file.write(block)
        file.write(block[: byte_count % len(block)])
    seconds = time.perf_counter() - started, time.process_time() - processor
    path.unlink()
    return seconds


def main() -> None:
    customers = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    root = pathlib.Path(__file__).parent.parent.parent
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", root / "target"))
    binary = target / "release/sample-exports"
    parent = os.environ.get("BENCH_FOLDER")
    if parent:
        pathlib.Path(parent).mkdir(parents=True, exist_ok=True)
    # Each run writes to a place of its own and nothing is deleted before the end: ext4 passes over
    # inodes that were deleted some minutes ago one by one, which can take as long as all the rest.
    folder = pathlib.Path(tempfile.mkdtemp(dir=parent))
    rates = []
    for run in range(runs):
        made = make(binary, folder / str(run), customers)
        megabytes = made.result["content_byte_count"] / 1e6
        plain_wall, plain_processor = plain_write(folder, made.result["content_byte_count"])
        rates.append(megabytes / (made.program + made.kernel))
        print(
            f"{customers} customers: {made.wall:6.2f} s, {made.program:.2f} s in the program and "
            f"{made.kernel:.2f} s in the kernel  {megabytes:.0f} MB "
            f"({made.result['byte_count'] / 1e6:.0f} MB compressed, "
            f"{made.result['file_count']} files)  "
            f"{megabytes / made.wall:.0f} MB/s, {rates[-1]:.0f} MB/s a core  "
            f"plain write {plain_wall:.2f} s, {plain_processor:.2f} s of a core  {made.memory} MiB",
            flush=True,
        )
    print(f"median {statistics.median(rates):.0f} MB/s a core")
    made = make(binary, folder / "large", customers * 10)
    print(
        f"{customers * 10} customers: {made.wall:6.2f} s  "
        f"{made.result['content_byte_count'] / 1e6:.0f} MB  {made.memory} MiB"
    )
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
