"""A backfill in shards: what it is asked for, and the command of each."""

from __future__ import annotations

from airflow.sdk import Param, task

PARAMS = {
    "from": Param(type="string", format="date", title="The first day"),
    "to": Param(type="string", format="date", title="The day after the last"),
    "shards": Param(2, type="integer", minimum=1, maximum=64, title="Shards, all at a time"),
}

WHOLE = ["backfill", "--from", "{{ params['from'] }}", "--to", "{{ params['to'] }}"]
"""All of it at once, as templates."""


@task(retries=1, pool="default_pool")
def shards(params: dict) -> list[list[str]]:
    """The arguments of `rapport` for each shard."""
    days = ["--from", params["from"], "--to", params["to"]]
    count = params["shards"]
    return [["backfill", *days, "--shard", f"{index + 1}/{count}"] for index in range(count)]
