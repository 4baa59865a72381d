"""As `rapport_backfill`, with each shard in a pod of its own."""

from datetime import timedelta

from airflow.sdk import DAG, TriggerRule
from rapport_airflow import outcomes
from rapport_airflow.kubernetes import RapportPodOperator
from rapport_airflow.shards import PARAMS, WHOLE, shards

# Why each of these is as it is stands in rapport_backfill.py.
with DAG(
    dag_id="rapport_backfill_kubernetes",
    description="Builds what is missing or stale of the days that it is triggered with, in pods.",
    schedule=None,
    catchup=False,
    max_active_runs=1,
    params=PARAMS,
    default_args={
        **outcomes.tried_again(),
        "pool": "rapport_backfill",
        "execution_timeout": timedelta(hours=24),
    },
    doc_md=__doc__,
    tags=["rapport"],
):
    shard = RapportPodOperator.partial(task_id="shard", job="rapport").expand(arguments=shards())
    rest = RapportPodOperator(
        task_id="rest", job="rapport", arguments=WHOLE, trigger_rule=TriggerRule.ALL_DONE
    )
    shard >> rest
