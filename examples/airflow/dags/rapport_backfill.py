"""Builds days of the past again, or for the first time: what `rapport plan` lists, nothing else.

    shard 1, shard 2, … ──▶ rest

Trigger it with the days, `from` and the day after the last, and the number of shards: no more than
the pool `rapport_backfill` has slots, because shards wait for each other's tables. Each is a task of
its own, on any worker; at the end `rest` goes over all days once more and builds what a shard had to
leave. Mostly that is nothing.
"""

from datetime import timedelta

from airflow.sdk import DAG, Param, TriggerRule, task
from rapport_airflow import outcomes
from rapport_airflow.local import RapportOperator

DAYS = ["--from", "{{ params['from'] }}", "--to", "{{ params['to'] }}"]

with DAG(
    dag_id="rapport_backfill",
    description="Builds what is missing or stale of the days that it is triggered with.",
    # Only by hand; there is nothing to catch up with.
    schedule=None,
    catchup=False,
    # A second one over the same days would only wait for leases.
    max_active_runs=1,
    params={
        "from": Param(type="string", format="date", title="The first day"),
        "to": Param(type="string", format="date", title="The day after the last"),
        "shards": Param(2, type="integer", minimum=1, maximum=64, title="Tasks at a time"),
    },
    # As many slots as there are machines: each shard may take the memory of one.
    default_args={
        **outcomes.tried_again(),
        "pool": "rapport_backfill",
        "execution_timeout": timedelta(hours=24),
    },
    doc_md=__doc__,
    tags=["rapport"],
):

    @task(retries=1, pool="default_pool", execution_timeout=timedelta(minutes=1))
    def shards(params: dict) -> list[list[str]]:
        """The command of each shard."""
        count = params["shards"]
        days = ["--from", params["from"], "--to", params["to"]]
        return [["backfill", *days, "--shard", f"{index}/{count}"] for index in range(1, count + 1)]

    shard = RapportOperator.partial(task_id="shard", job="rapport").expand(arguments=shards())
    rest = RapportOperator(
        task_id="rest",
        job="rapport",
        arguments=["backfill", *DAYS],
        # It alone decides how the run ends: where it finds nothing left to do, a shard that failed
        # has been made good.
        trigger_rule=TriggerRule.ALL_DONE,
    )
    shard >> rest
