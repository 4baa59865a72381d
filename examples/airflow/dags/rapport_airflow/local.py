"""Rapport's jobs as processes of the Airflow worker.

The binaries are found on the worker's PATH, and settings in its environment: RAPPORT_CONFIG with an
absolute path, credentials by the names of the cloud's own tools. Airflow's BashOperator does the
same but forgets the exit code, which is all that a retry can be decided by.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import cached_property
from typing import Any

from airflow.providers.standard.hooks.subprocess import SubprocessHook
from airflow.sdk import BaseOperator, BaseSensorOperator, Context, PokeReturnValue
from airflow.sdk.exceptions import AirflowSkipException

from rapport_airflow import outcomes


class Process:
    """A job that a task runs, and stops when the task is stopped."""

    job: str
    arguments: Sequence[str]

    @cached_property
    def subprocess_hook(self) -> SubprocessHook:
        """Logs each line that the job says, and keeps the last: its result."""
        return SubprocessHook()

    def run_job(self) -> outcomes.Finished:
        """Runs the job to its end."""
        ended = self.subprocess_hook.run_command([self.job, *self.arguments])
        return outcomes.Finished.of(self.job, ended.exit_code, ended.output)

    def on_kill(self) -> None:
        """Stops the job: within seconds, each partition published whole or not at all."""
        self.subprocess_hook.send_sigterm()


class RapportOperator(Process, BaseOperator):
    """Runs a job, and returns its result line.

    job: the binary, such as `build-metrics`.
    arguments: its flags. (templated)
    """

    template_fields = ("arguments",)
    ui_color = "#dcefe4"

    def __init__(self, *, job: str, arguments: Sequence[str], **kwargs) -> None:
        super().__init__(**kwargs)
        self.job = job
        self.arguments = arguments

    def execute(self, context: Context) -> dict[str, Any]:
        """Errors: skipped where there was nothing to do; a `JobFailed` of the exit code."""
        finished = self.run_job()
        if finished.exit_code == outcomes.NOTHING_TO_DO:
            raise AirflowSkipException(f"{self.job}: everything is up to date")
        if finished.exit_code != outcomes.DONE:
            raise finished.failure()
        return finished.result


class RapportSensor(Process, BaseSensorOperator):
    """Runs a job until nothing that it needs is missing any more: while its exit code is 12.

    Each attempt takes in what has come by then, so that little is left to do once the last export
    is there. Between attempts it holds neither a worker nor a slot of its pool.

    deadline: how long to wait. After it, a day of which nothing has come at all is skipped, and one
    of which something has come fails: half a day must not pass for a quiet one.
    """

    template_fields = ("arguments",)
    ui_color = "#dcefe4"

    def __init__(
        self, *, job: str, arguments: Sequence[str], deadline: timedelta, **kwargs
    ) -> None:
        super().__init__(mode="reschedule", timeout=deadline, **kwargs)
        self.job = job
        self.arguments = arguments

    def poke(self, context: Context) -> PokeReturnValue:
        """Whether the exports are there, and the result line once they are.

        Errors: a `JobFailed` of any other exit code.
        """
        finished = self.run_job()
        if finished.exit_code == outcomes.NOT_THERE_YET:
            # Airflow asks next whether the time is up, and for this, whether to skip then.
            self.soft_fail = not has_come(finished.result)
            return PokeReturnValue(is_done=False)
        # Fresh is as good as built: what reads it says for itself whether it has anything to do.
        if finished.exit_code not in (outcomes.DONE, outcomes.NOTHING_TO_DO):
            raise finished.failure()
        return PokeReturnValue(is_done=True, xcom_value=finished.result)


def has_come(result: dict) -> bool:
    """Whether anything of the days is there, be it taken in now or before."""
    return any(result.get(f"{what}_count", 0) for what in ("built", "unchanged", "fresh"))
