"""What the exit code of a job means to Airflow.

0   success
99  skipped: everything was up to date already
12  an export or an input is not there yet  ─┐
13  another run holds the lease             ├─ tried again, each after its own wait
20  storage or network trouble              ─┘
Any other code is final: the same run would fail the same way, so somebody has to look.
"""

from __future__ import annotations

import dataclasses
import json
import os
from datetime import timedelta
from typing import Any

from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule
from airflow.sdk.exceptions import AirflowException

DONE = 0
NOT_THERE_YET = 12
LEASE_HELD = 13
STORAGE_TROUBLE = 20
NOTHING_TO_DO = 99


class JobFailed(AirflowException):
    """A job ended with an exit code that nothing mends but a person."""


class NotThereYet(JobFailed):
    """An export, or a table that another job makes, is not there yet."""


class LeaseHeld(JobFailed):
    """Another run is building the same partition."""


class StorageTrouble(JobFailed):
    """Storage or the network failed for longer than the job was patient."""


MAY_PASS = {NOT_THERE_YET: NotThereYet, LEASE_HELD: LeaseHeld, STORAGE_TROUBLE: StorageTrouble}


def seconds(name: str, default: int) -> timedelta:
    """A wait, which the environment of all Airflow processes may set otherwise, in seconds."""
    return timedelta(seconds=int(os.environ.get(name) or default))


def tried_again(retries: int = 12, wait: timedelta | None = None) -> dict[str, Any]:
    """Arguments of a task: it tries again what may pass, and nothing else that the job said.

    What is not the job's own failure, such as a worker that was lost or a timeout of Airflow's,
    follows `retries` and `retry_delay` alone. A job that is run again goes on where it stopped.

    wait: before each retry (default: five minutes).
    """
    wait = wait or seconds("AIRFLOW_RAPPORT_RETRY_SECONDS", 300)
    policy = ExceptionRetryPolicy(
        rules=[
            RetryRule(exception=NotThereYet, retry_delay=wait, reason="12: not there yet"),
            RetryRule(exception=LeaseHeld, retry_delay=wait, reason="13: another run holds it"),
            RetryRule(exception=StorageTrouble, retry_delay=wait, reason="20: storage trouble"),
            RetryRule(exception=JobFailed, action=RetryAction.FAIL, reason="somebody has to look"),
        ]
    )
    return {"retries": retries, "retry_delay": wait, "retry_policy": policy}


@dataclasses.dataclass(frozen=True)
class Finished:
    """A job that has ended."""

    job: str
    exit_code: int
    result: dict
    """The result line; empty where the job was killed before it could say it."""

    @staticmethod
    def of(job: str, exit_code: int, last_line: str | None) -> Finished:
        """Reads the result from the last line that the job said."""
        try:
            result = json.loads(last_line or "")
        except ValueError:
            result = {}
        return Finished(job, exit_code, result if isinstance(result, dict) else {})

    def failure(self) -> JobFailed:
        """The exception that tells Airflow what to do about the exit code."""
        error = self.result.get("error") or {}
        message = error.get("message") or "it said no more; its log does"
        kind = MAY_PASS.get(self.exit_code, JobFailed)
        return kind(f"{self.job} ended with exit code {self.exit_code}: {message}")
