"""Runs the binaries on the sample week as an orchestrator would: arguments and environment in; an
exit code and one JSON line out."""

import dataclasses
import json
import os
import pathlib
import subprocess

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
SAMPLE_WEEK = REPOSITORY / "tests/projects/sample_week"
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))


def binary(name):
    """The binary that was built last, with or without optimisation."""
    built = [TARGET / profile / name for profile in ("release", "debug")]
    built = [path for path in built if path.exists()]
    if not built:
        raise SystemExit(f"`{name}` is not built: run `cargo build --bins` first")
    return max(built, key=lambda path: path.stat().st_mtime)


@dataclasses.dataclass(frozen=True)
class Finished:
    """A job that has ended."""

    exit_code: int
    result: dict
    """The JSON line on stdout."""
    log: str
    """All of stderr."""


def environment(variables):
    """This process's environment without settings of the user's own, with `variables`."""
    own = ("RAPPORT_", "AWS_", "AZURE_", "GOOGLE_")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    ours = {"RAPPORT_CONFIG": str(SAMPLE_WEEK / "rapport.yaml"), "RAPPORT_LOG_FORMAT": "json"}
    return inherited | ours | variables


def start(job, arguments, variables):
    """Starts a job in the repository's root."""
    return subprocess.Popen(
        [binary(job), *arguments],
        cwd=REPOSITORY,
        env=environment(variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process):
    """Waits for a job to end."""
    output, log = process.communicate()
    lines = output.splitlines()
    result = json.loads(lines[-1]) if lines else {}
    return Finished(process.returncode, result, log)


def run(job, arguments, variables):
    """Runs a job to its end."""
    return finish(start(job, arguments, variables))


def must_run(job, arguments, variables):
    """Runs a job that must succeed."""
    finished = run(job, arguments, variables)
    if finished.exit_code != 0:
        raise SystemExit(
            f"{job} {' '.join(arguments)}: exit code {finished.exit_code}\n{finished.log}"
        )
    return finished


def must_tell(job, arguments, variables):
    """Runs a command of the operator's that must succeed, and gives the text that it prints."""
    process = start(job, arguments, variables)
    text, log = process.communicate()
    if process.returncode != 0:
        raise SystemExit(f"{job} {' '.join(arguments)}: exit code {process.returncode}\n{log}")
    return text
