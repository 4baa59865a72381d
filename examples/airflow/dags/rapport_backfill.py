"""Builds days of the past again, or for the first time: what `rapport plan` lists, nothing else.

    shard 1, shard 2, … ──▶ rest

Trigger it with the days, `from` and the day after the last, and the number of shards: no more than
the pool `rapport_backfill` has slots, because shards wait for each other's tables. Each is a task of
its own, on any worker; at the end `rest` goes over all days once more and builds what a shard had to
leave. Mostly that is nothing.
"""

from datetime import timedelta

from airflow.sdk import DAG, TriggerRule
from rapport_airflow import outcomes
from rapport_airflow.local import RapportOperator
from rapport_airflow.shards import PARAMS, WHOLE, shards

with DAG(
    dag_id="rapport_backfill",
    description="Builds what is missing or stale of the days that it is triggered with.",
    # Only by hand; there is nothing to catch up with.
    schedule=None,
    catchup=False,
    # A second one over the same days would only wait for leases.
    max_active_runs=1,
    params=PARAMS,
    # As many slots as there are machines: each shard may take the memory of one.
    default_args={
        **outcomes.tried_again(),
        "pool": "rapport_backfill",
        "execution_timeout": timedelta(hours=24),
    },
    doc_md=__doc__,
    tags=["rapport"],
):
    shard = RapportOperator.partial(task_id="shard", job="rapport").expand(arguments=shards())
    rest = RapportOperator(
        task_id="rest",
        job="rapport",
        arguments=WHOLE,
        # It alone decides how the run ends: where it finds nothing left to do, a shard that failed
        # has been made good.
        trigger_rule=TriggerRule.ALL_DONE,
    )
    shard >> rest
