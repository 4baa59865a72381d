"""How fast `sample-exports` makes exports, beside a plain write of the same bytes.

Usage: python ci/bench/sample_exports.py [CUSTOMERS] [RUNS]. Needs `cargo build --release --bin
sample-exports` beforehand. Prints, for each run over 30 days, the wall time, the megabytes of
exports before compression made in a second and in a second of one core, the time that writing as
many bytes to a plain file takes, and the peak memory; and at the end the peak memory with ten
times as many customers. A megabyte is 1,000,000 bytes.
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

DAYS = ["--from", "2024-03-04", "--to", "2024-04-03"]


def make(binary: pathlib.Path, folder: pathlib.Path, customers: int) -> tuple[dict, float, float, int]:
    """Makes exports; gives the result, wall and processor seconds, and the peak memory in MiB."""
    for name in ["exports", "exports-truth"]:
        shutil.rmtree(folder / name, ignore_errors=True)
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
    return result, wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss // 1024


def plain_write(folder: pathlib.Path, byte_count: int) -> float:
    """Seconds to write so many bytes to one file."""
    block = os.urandom(1 << 20)
    path = folder / "plain"
    started = time.perf_counter()
    with path.open("wb", buffering=0) as file:
        for _ in range(byte_count // len(block)):
            file.write(block)
        file.write(block[: byte_count % len(block)])
    seconds = time.perf_counter() - started
    path.unlink()
    return seconds


def main() -> None:
    customers = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    root = pathlib.Path(__file__).parent.parent.parent
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", root / "target"))
    binary = target / "release/sample-exports"
    folder = pathlib.Path(os.environ.get("BENCH_FOLDER") or tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    rates = []
    for _ in range(runs):
        result, wall, processor, memory = make(binary, folder, customers)
        content = result["content_byte_count"]
        plain = plain_write(folder, content)
        rates.append(content / 1e6 / processor)
        print(
            f"{customers} customers: {wall:6.2f} s  {content / 1e6:.0f} MB "
            f"({result['byte_count'] / 1e6:.0f} MB compressed, {result['file_count']} files)  "
            f"{content / 1e6 / wall:.0f} MB/s, {rates[-1]:.0f} MB/s a core  "
            f"plain write {plain:.2f} s  {memory} MiB",
            flush=True,
        )
    print(f"median {statistics.median(rates):.0f} MB/s a core")
    result, wall, _, memory = make(binary, folder, customers * 10)
    print(
        f"{customers * 10} customers: {wall:6.2f} s  {result['content_byte_count'] / 1e6:.0f} MB  "
        f"{memory} MiB"
    )
    for name in ["exports", "exports-truth"]:
        shutil.rmtree(folder / name, ignore_errors=True)


if __name__ == "__main__":
    main()
