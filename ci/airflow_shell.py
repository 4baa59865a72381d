"""Airflow's command line, command after command in one process: to start it takes ten seconds.

Reads one command a line from stdin, a JSON array such as ["dags", "test", "rapport_daily",
"2024-03-04"], and answers each on stdout with its exit code. What Airflow says goes to stderr.

Runs on the interpreter of Airflow's own environment, with -I: its folder holds an airflow.py.
"""

import json
import os
import sys

sys.dont_write_bytecode = True

from airflow.__main__ import main  # noqa: E402


def exit_code(arguments):
    """Runs one command as `airflow` would."""
    sys.argv = ["airflow", *arguments]
    try:
        main()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(bool(ended.code))
    return 0


answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
for line in sys.stdin:
    print(exit_code(json.loads(line)), file=answers, flush=True)
