"""Rapport, day by day, by jobs that are processes of the worker.

    ingest ──▶ resolve_identities ──▶ build_customers ──▶ build_metrics

A run builds one day: that of its logical date in the DAG's time zone, and no other, whenever it
runs. Run again it finds what is up to date and skips it, so clearing a task is always safe.
"""

from datetime import datetime, timedelta

from airflow.sdk import DAG, CronDataIntervalTimetable, TriggerRule
from rapport_airflow import outcomes
from rapport_airflow.local import RapportOperator, RapportSensor

FIRST_DAY = datetime(2024, 3, 4)
"""The first day that this DAG builds; earlier ones are the backfill's."""

DAY = "{{ logical_date.astimezone(dag.timezone).strftime('%Y-%m-%d') }}"

FLAGS = ["--date", DAY, "--skip-when-fresh"]
RUN = ["--run-id", "{{ run_id }}", "--attempt", "{{ ti.try_number }}"]

with DAG(
    dag_id="rapport_daily",
    description="Takes in the day's exports, and brings customers and metrics up to date.",
    # The run of a day begins when the day is over and its exports begin to come: at 04:00 on the
    # next. The timetable is the one whose logical date is the day itself.
    schedule=CronDataIntervalTimetable("0 4 * * *", timezone="UTC"),
    start_date=FIRST_DAY,
    # Every day is built: after a pause, or when the DAG is new, those that were missed come first.
    catchup=True,
    # Days that wait for the one before take no worker. There is room for two weeks of them, so that
    # a day that failed can be cleared and run while they wait.
    max_active_runs=14,
    default_args={
        **outcomes.tried_again(),
        # Tables continue their own yesterday: a task waits for the same task of the day before.
        "depends_on_past": True,
        # One job at a time: each may take the machine's memory. Leases would keep two apart anyhow.
        "pool": "rapport",
        "execution_timeout": timedelta(hours=6),
        # A skip says that a table was up to date, so what comes after it still has to look. Where
        # the exports never came nothing has succeeded, and all is skipped.
        "trigger_rule": TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS,
    },
    doc_md=__doc__,
    tags=["rapport"],
):
    ingest = RapportSensor(
        task_id="ingest",
        job="ingest",
        arguments=FLAGS + RUN,
        poke_interval=outcomes.seconds("AIRFLOW_RAPPORT_POKE_SECONDS", 600),
        deadline=outcomes.seconds("AIRFLOW_RAPPORT_DEADLINE_SECONDS", 18 * 60 * 60),
    )
    before = [ingest]
    for job in ["resolve-identities", "build-customers", "build-metrics"]:
        task = RapportOperator(task_id=job.replace("-", "_"), job=job, arguments=FLAGS + RUN)
        before >> task
        before = [ingest, task]
