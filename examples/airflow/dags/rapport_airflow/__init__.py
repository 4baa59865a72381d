"""What the DAGs beside this package are made of: how Airflow runs Rapport's jobs.

outcomes    what an exit code means to Airflow: done, skipped, wait, try again, give up
local       jobs as processes of the worker: an operator, and the sensor that waits for exports
kubernetes  jobs as pods
shards      a backfill in shards
"""
