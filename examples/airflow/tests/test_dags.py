"""What the DAGs promise, without running a job: `python -m unittest discover -s tests`."""

import os
import pathlib
import sys
import unittest
from datetime import timedelta
from unittest.mock import MagicMock

DAGS = pathlib.Path(__file__).resolve().parent.parent / "dags"
sys.path.insert(0, str(DAGS))
# Where Airflow would otherwise make itself at home in the user's folder.
os.environ.setdefault("AIRFLOW_HOME", "/nonexistent")

from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import RetryAction
from airflow.sdk.exceptions import AirflowException, AirflowSkipException
from kubernetes.client import models as k8s
from rapport_airflow import outcomes
from rapport_airflow.kubernetes import RapportPodOperator
from rapport_airflow.local import RapportSensor, has_come

CODES = {0, 2, 10, 11, 12, 13, 20, 30, 99, 130, 143}


class RetriesTest(unittest.TestCase):
    def decision(self, failure):
        policy = outcomes.tried_again(wait=timedelta(minutes=5))["retry_policy"]
        return policy.evaluate(failure, try_number=1, max_tries=12)

    def test_only_what_may_pass_is_tried_again(self):
        tried_again = set()
        for code in CODES - {outcomes.DONE, outcomes.NOTHING_TO_DO}:
            decision = self.decision(outcomes.Finished("ingest", code, {}).failure())
            if decision.action == RetryAction.RETRY:
                self.assertEqual(decision.retry_delay, timedelta(minutes=5))
                tried_again.add(code)
            else:
                self.assertEqual(decision.action, RetryAction.FAIL, code)
        self.assertEqual(tried_again, {12, 13, 20})

    def test_what_is_not_the_jobs_failure_is_left_to_airflow(self):
        self.assertEqual(self.decision(AirflowException("lost")).action, RetryAction.DEFAULT)

    def test_a_failure_says_what_the_result_line_says(self):
        line = '{"exit_code":11,"error":{"kind":"export_broken","message":"read `sales/a.csv`"}}'
        failure = outcomes.Finished.of("ingest", 11, line).failure()
        self.assertEqual(str(failure), "ingest ended with exit code 11: read `sales/a.csv`")

    def test_a_job_that_was_killed_has_no_result(self):
        for last_line in [None, "", "Killed", "[]", '{"exit_co']:
            finished = outcomes.Finished.of("ingest", 137, last_line)
            self.assertEqual(finished.result, {})
            self.assertIs(type(finished.failure()), outcomes.JobFailed)

    def test_a_day_of_which_something_has_come_is_told_from_an_empty_one(self):
        self.assertFalse(has_come({"built_count": 0, "unchanged_count": 0, "fresh_count": 0}))
        for count in ["built_count", "unchanged_count", "fresh_count"]:
            self.assertTrue(has_come({"built_count": 0, count: 1}))


class SensorTest(unittest.TestCase):
    def looked(self, exit_code, result):
        """A sensor whose job ended so, and what it makes of it."""
        sensor = RapportSensor(
            task_id="ingest", job="ingest", arguments=[], deadline=timedelta(hours=1)
        )
        sensor.run_job = lambda: outcomes.Finished("ingest", exit_code, result)
        return sensor, sensor.poke({})

    def test_what_is_built_or_fresh_is_there(self):
        for code in [outcomes.DONE, outcomes.NOTHING_TO_DO]:
            _, found = self.looked(code, {"built_count": 3})
            self.assertTrue(found)
            self.assertEqual(found.xcom_value, {"built_count": 3})

    def test_a_day_is_skipped_in_the_end_only_where_nothing_came(self):
        for built_count, is_skipped in [(0, True), (1, False)]:
            sensor, found = self.looked(outcomes.NOT_THERE_YET, {"built_count": built_count})
            self.assertFalse(found)
            self.assertEqual(sensor.soft_fail, is_skipped)

    def test_any_other_code_is_a_failure_of_its_kind(self):
        for code in CODES - {0, 12, 99}:
            with self.assertRaises(outcomes.MAY_PASS.get(code, outcomes.JobFailed)):
                self.looked(code, {})


class DagsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.bag = DagBag(DAGS)

    def test_every_file_is_a_dag(self):
        self.assertEqual(self.bag.import_errors, {})
        self.assertEqual(
            set(self.bag.dags),
            {
                f"rapport_{what}{where}"
                for what in ["daily", "backfill"]
                for where in ["", "_kubernetes"]
            },
        )

    def test_every_task_has_the_policy_and_a_pool(self):
        for dag in self.bag.dags.values():
            for task in dag.tasks:
                self.assertIsNotNone(task.retry_policy, task)
                self.assertGreater(task.retries, 0, task)
                pool = "rapport_backfill" if "backfill" in dag.dag_id else "rapport"
                expected = "default_pool" if task.task_id == "shards" else pool
                self.assertEqual(task.pool, expected, task)

    def test_days_are_built_in_order_and_none_is_left_out(self):
        for name in ["rapport_daily", "rapport_daily_kubernetes"]:
            dag = self.bag.dags[name]
            self.assertTrue(dag.catchup)
            self.assertEqual(
                [task.task_id for task in dag.topological_sort()],
                ["ingest", "resolve_identities", "build_customers", "build_metrics"],
            )
            for task in dag.tasks:
                self.assertTrue(task.depends_on_past, task)
                self.assertIn("--skip-when-fresh", task.arguments)

    def test_a_backfill_is_cut_into_all_its_shards(self):
        for name in ["rapport_backfill", "rapport_backfill_kubernetes"]:
            dag = self.bag.dags[name]
            days = {"from": "2024-03-01", "to": "2024-04-01"}
            commands = dag.get_task("shards").python_callable(params=days | {"shards": 3})
            given = ["backfill", "--from", "2024-03-01", "--to", "2024-04-01", "--shard"]
            self.assertEqual(commands, [[*given, shard] for shard in ["1/3", "2/3", "3/3"]])
            self.assertEqual(dag.get_task("shard").upstream_task_ids, {"shards"})
            self.assertEqual(dag.get_task("rest").upstream_task_ids, {"shard"})


class PodsTest(unittest.TestCase):
    def setUp(self):
        self.operator = RapportPodOperator(
            task_id="ingest", job="ingest", arguments=["--date", "2024-03-04"]
        )
        # There is no cluster to ask: a pod is as it is given.
        self.operator.hook = MagicMock(is_in_cluster=True)
        self.operator.hook.get_namespace.return_value = "rapport"
        self.operator.pod_manager = MagicMock()
        self.operator.pod_manager.read_pod.side_effect = lambda pod: pod

    def ended(self, exit_code, message=None):
        """What the operator makes of a pod that ended so."""
        terminated = None
        if exit_code is not None:
            terminated = k8s.V1ContainerStateTerminated(exit_code=exit_code, message=message)
        status = k8s.V1ContainerStatus(
            name="base",
            image="rapport",
            image_id="",
            ready=False,
            restart_count=0,
            state=k8s.V1ContainerState(terminated=terminated),
        )
        pod = k8s.V1Pod(
            metadata=k8s.V1ObjectMeta(name="ingest", annotations={}),
            spec=k8s.V1PodSpec(containers=[k8s.V1Container(name="base")]),
            status=k8s.V1PodStatus(
                phase="Failed" if exit_code != 0 else "Succeeded", container_statuses=[status]
            ),
        )
        self.operator.cleanup(pod, pod)

    def test_a_pod_ends_its_task_as_its_job_ended(self):
        self.ended(0)
        with self.assertRaises(AirflowSkipException):
            self.ended(99)
        for code in CODES - {0, 99}:
            with self.assertRaises(outcomes.JobFailed) as raised:
                self.ended(code, '{"error":{"message":"what it says"}}')
            self.assertIs(type(raised.exception), outcomes.MAY_PASS.get(code, outcomes.JobFailed))
            self.assertIn("what it says", str(raised.exception))

    def test_a_pod_whose_job_never_ran_is_not_the_jobs_failure(self):
        with self.assertRaises(AirflowException) as raised:
            self.ended(None)
        self.assertNotIsInstance(raised.exception, outcomes.JobFailed)

    def test_a_pod_has_no_rights_and_a_place_to_spill(self):
        pod = self.operator.build_pod_request_obj()
        container = pod.spec.containers[0]
        self.assertEqual(container.command, ["ingest"])
        self.assertEqual(container.args, ["--date", "2024-03-04"])
        self.assertTrue(pod.spec.security_context.run_as_non_root)
        self.assertFalse(pod.spec.automount_service_account_token)
        self.assertTrue(container.security_context.read_only_root_filesystem)
        self.assertFalse(container.security_context.allow_privilege_escalation)
        self.assertIn("/tmp", [mount.mount_path for mount in container.volume_mounts])


if __name__ == "__main__":
    unittest.main()
