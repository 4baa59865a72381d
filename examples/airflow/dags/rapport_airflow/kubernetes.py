"""Rapport's jobs as pods: of the image that the Dockerfile in the repository's root makes.

What differs between clusters stands in the environment of all Airflow processes:

AIRFLOW_RAPPORT_IMAGE    the image, with its tag (default: rapport:latest)
AIRFLOW_RAPPORT_SECRET   a Secret in the pods' namespace whose keys are variables of the jobs:
                         RAPPORT_WAREHOUSE, RAPPORT_LANDING, AWS_ACCESS_KEY_ID, …
                         (default: rapport)
AIRFLOW_RAPPORT_MEMORY   what a pod is given; memory_limit in the settings lies below it
                         (default: 4Gi)

The namespace, and how to reach the cluster, are those of Airflow's connection kubernetes_default.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.sdk.exceptions import AirflowException, AirflowSkipException
from kubernetes.client import models as k8s

from rapport_airflow import outcomes

RESULT_FILE = "/dev/termination-log"
"""Where Kubernetes takes a container's last words from: the result line shows in the pod's status."""


class RapportPodOperator(KubernetesPodOperator):
    """Runs a job in a pod of its own.

    job: the binary, such as `build-metrics`.
    arguments: its flags. (templated)

    Errors: skipped where there was nothing to do; a `JobFailed` of the exit code.
    """

    ui_color = "#dcefe4"

    def __init__(self, *, job: str, arguments: Sequence[str], **kwargs) -> None:
        pod = {
            "image": os.environ.get("AIRFLOW_RAPPORT_IMAGE") or "rapport:latest",
            "name": f"rapport-{job}",
            "env_vars": {"RAPPORT_RESULT_FILE": RESULT_FILE},
            "env_from": [
                k8s.V1EnvFromSource(
                    secret_ref=k8s.V1SecretEnvSource(
                        name=os.environ.get("AIRFLOW_RAPPORT_SECRET") or "rapport"
                    )
                )
            ],
            "container_resources": resources(),
            "security_context": k8s.V1PodSecurityContext(
                run_as_non_root=True,
                run_as_user=65532,
                fs_group=65532,
                seccomp_profile=k8s.V1SeccompProfile(type="RuntimeDefault"),
            ),
            "container_security_context": k8s.V1SecurityContext(
                allow_privilege_escalation=False,
                read_only_root_filesystem=True,
                capabilities=k8s.V1Capabilities(drop=["ALL"]),
            ),
            # Queries that need more memory than the settings give spill here.
            "volumes": [k8s.V1Volume(name="scratch", empty_dir=k8s.V1EmptyDirVolumeSource())],
            "volume_mounts": [k8s.V1VolumeMount(name="scratch", mount_path="/tmp")],
            # A job stops within 5 s of SIGTERM.
            "termination_grace_period": 30,
            "automount_service_account_token": False,
            "skip_on_exit_code": outcomes.NOTHING_TO_DO,
            # While the pod runs, the triggerer looks after it and no worker waits.
            "deferrable": True,
            # The pod's specification names secrets; the log does not need it.
            "log_pod_spec_on_failure": False,
        }
        super().__init__(cmds=[job], arguments=list(arguments), **pod | kwargs)
        self.job = job

    def cleanup(self, pod, remote_pod, xcom_result=None, context=None) -> None:
        """Ends the task as the job ended."""
        try:
            super().cleanup(pod, remote_pod, xcom_result, context)
        except AirflowSkipException:
            raise
        except AirflowException as failure:
            ended = self.how_it_ended(remote_pod)
            if ended is None:
                # The container never ran: not the job's failure but the cluster's.
                raise
            raise ended.failure() from failure

    def how_it_ended(self, pod: k8s.V1Pod) -> outcomes.Finished | None:
        """The job's exit code and result; none where its container did not end by itself."""
        for status in pod.status.container_statuses or []:
            ended = status.state and status.state.terminated
            if status.name == self.base_container_name and ended:
                return outcomes.Finished.of(self.job, ended.exit_code, ended.message)
        return None


def resources() -> k8s.V1ResourceRequirements:
    """As much memory as is asked for and no more; processors as they are free."""
    memory = os.environ.get("AIRFLOW_RAPPORT_MEMORY") or "4Gi"
    return k8s.V1ResourceRequirements(
        requests={"cpu": "1", "memory": memory}, limits={"memory": memory}
    )
