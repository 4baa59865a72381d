"""Rapport, day by day, by jobs that are pods.

    ingest ──▶ resolve_identities ──▶ build_customers ──▶ build_metrics

As `rapport_daily`, but for how it waits: exports that are not there yet are looked for by trying
`ingest` again, every half an hour for eighteen hours. A day that is not complete by then fails, be
it that nothing has come or that something has.
"""

from datetime import datetime, timedelta

from airflow.sdk import DAG, CronDataIntervalTimetable, TriggerRule, chain
from rapport_airflow import outcomes
from rapport_airflow.kubernetes import RapportPodOperator

FIRST_DAY = datetime(2024, 3, 4)
"""The first day that this DAG builds; earlier ones are the backfill's."""

DAY = "{{ logical_date.astimezone(dag.timezone).strftime('%Y-%m-%d') }}"

FLAGS = ["--date", DAY, "--skip-when-fresh"]
RUN = ["--run-id", "{{ run_id }}", "--attempt", "{{ ti.try_number }}"]

# Why each of these is as it is stands in rapport_daily.py.
with DAG(
    dag_id="rapport_daily_kubernetes",
    description="Takes in the day's exports, and brings customers and metrics up to date, in pods.",
    schedule=CronDataIntervalTimetable("0 4 * * *", timezone="UTC"),
    start_date=FIRST_DAY,
    catchup=True,
    max_active_runs=14,
    default_args={
        **outcomes.tried_again(),
        "depends_on_past": True,
        "pool": "rapport",
        "execution_timeout": timedelta(hours=6),
        "trigger_rule": TriggerRule.NONE_FAILED,
    },
    doc_md=__doc__,
    tags=["rapport"],
):
    ingest = RapportPodOperator(
        task_id="ingest",
        job="ingest",
        arguments=FLAGS + RUN,
        **outcomes.tried_again(retries=36, wait=timedelta(minutes=30)),
    )
    others = [
        RapportPodOperator(task_id=job.replace("-", "_"), job=job, arguments=FLAGS + RUN)
        for job in ["resolve-identities", "build-customers", "build-metrics"]
    ]
    chain(ingest, *others)
