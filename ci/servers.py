"""Object storage on this machine for as long as a test runs: moto's S3 server and Azurite.

Each is a context manager that starts a server on a free loopback port and gives a `Storage`; the
server and what was stored in it are gone when the block ends.
"""

import contextlib
import dataclasses
import os
import socket
import subprocess
import sys
import tempfile
import time

from pyarrow import fs

BUCKET = "rapport-test"

# The account that every Azurite has; neither name nor key is a secret.
AZURITE_ACCOUNT = "devstoreaccount1"
AZURITE_KEY = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)


@dataclasses.dataclass(frozen=True)
class Storage:
    """A server with one empty bucket or container, named BUCKET."""

    scheme: str
    """How URLs into it begin: `s3` or `az`."""
    filesystem: fs.FileSystem
    """For tests to fill it and to look into it."""
    variables: dict
    """The environment by which a job finds it."""
    polars_options: dict
    """The same for Polars."""

    def url(self, prefix):
        return f"{self.scheme}://{BUCKET}/{prefix}"

    def upload(self, folder, prefix):
        """Copies a local folder below `prefix`."""
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                key = f"{BUCKET}/{prefix}/{path.relative_to(folder).as_posix()}"
                with self.filesystem.open_output_stream(key) as stream:
                    stream.write(path.read_bytes())


@contextlib.contextmanager
def s3():
    """moto's S3 server."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", str(port)]
    with running("moto", command, port):
        variables = {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "AWS_ALLOW_HTTP": "true",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1",
        }
        filesystem = fs.S3FileSystem(
            access_key="test",
            secret_key="test",
            region="us-east-1",
            endpoint_override=f"http://127.0.0.1:{port}",
            allow_bucket_creation=True,
        )
        filesystem.create_dir(BUCKET)
        yield Storage("s3", filesystem, variables, variables)


@contextlib.contextmanager
def azure(azurite):
    """Azurite; `azurite` is the command of its blob server."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        command = [azurite, "--silent", "--location", folder, "--skipApiVersionCheck"]
        command += ["--blobHost", "127.0.0.1", "--blobPort", str(port), "--disableTelemetry"]
        with running("Azurite", command, port):
            authority = f"127.0.0.1:{port}"
            variables = {
                "AZURE_STORAGE_ACCOUNT_NAME": AZURITE_ACCOUNT,
                "AZURE_STORAGE_ACCOUNT_KEY": AZURITE_KEY,
                "AZURE_STORAGE_ENDPOINT": f"http://{authority}/{AZURITE_ACCOUNT}",
                "AZURE_ALLOW_HTTP": "true",
            }
            filesystem = fs.AzureFileSystem(
                account_name=AZURITE_ACCOUNT,
                account_key=AZURITE_KEY,
                blob_storage_authority=authority,
                blob_storage_scheme="http",
                dfs_storage_authority=authority,
                dfs_storage_scheme="http",
            )
            filesystem.create_dir(BUCKET)
            yield Storage("az", filesystem, variables, variables)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextlib.contextmanager
def running(name, command, port):
    """Runs a server until the block ends."""
    with tempfile.TemporaryFile() as log:
        server = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=os.environ
        )
        try:
            wait_for(name, server, port, log)
            yield
        finally:
            server.terminate()
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def wait_for(name, server, port, log, seconds=60):
    until = time.monotonic() + seconds
    while time.monotonic() < until and server.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    log.seek(0)
    raise RuntimeError(f"{name} did not start:\n{log.read().decode(errors='replace')}")
