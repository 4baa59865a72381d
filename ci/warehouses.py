"""A warehouse as a plain reader sees it: tables of Hive-partitioned Parquet, and nothing else.

Works on a local folder, S3 and Azure alike, through pyarrow's file systems. Knows the layout
`<zone>/<table>/dt=YYYY-MM-DD/data.parquet` and that `_rapport/` is not for readers.
"""

import dataclasses
import hashlib
import re
import time

from pyarrow import fs

OWN_FOLDER = "_rapport"
ZONES = ("raw", "quarantine", "staging", "identity", "marts", "metrics")

# A server may fail over a listing of objects that come and go; one that is down stays down.
LISTING_ATTEMPTS = 5
LISTING_PAUSE_SECONDS = 0.2

PARTITION = re.compile(r"^(\w+)/(\w+)/dt=(\d{4}-\d{2}-\d{2})/data\.parquet$")


@dataclasses.dataclass(frozen=True)
class Warehouse:
    """A folder of a file system: `root` has no trailing slash."""

    filesystem: fs.FileSystem
    root: str

    @staticmethod
    def local(folder):
        return Warehouse(fs.LocalFileSystem(), str(folder))

    def objects(self, below=""):
        """Every object below a folder, as (key below the root, size in bytes), in order."""
        return sorted(
            (info.path.removeprefix(f"{self.root}/"), info.size)
            for info in self._listed(below)
            if info.type == fs.FileType.File
        )

    def _listed(self, below):
        """What a folder holds, at any depth, also while a run writes there.

        A run removes its folders of work; a listing that meets one as it goes begins anew. So
        does one that a storage server failed over, some times.
        """
        selector = fs.FileSelector(
            f"{self.root}/{below}".rstrip("/"), allow_not_found=True, recursive=True
        )
        attempts_left = LISTING_ATTEMPTS
        while True:
            try:
                return self.filesystem.get_file_info(selector)
            except FileNotFoundError:
                continue
            except OSError:
                attempts_left -= 1
                if not attempts_left:
                    raise
                time.sleep(LISTING_PAUSE_SECONDS)

    def strangers(self):
        """Objects that readers can see and that are no partition: there must be none."""
        return [
            key
            for key, _ in self.objects()
            if not key.startswith(f"{OWN_FOLDER}/")
            and not ((match := PARTITION.match(key)) and match[1] in ZONES)
        ]

    def partitions(self):
        """The key of every published partition, by (zone.table, day)."""
        found = {}
        for zone in ZONES:
            for key, _ in self.objects(zone):
                if match := PARTITION.match(key):
                    found[f"{match[1]}.{match[2]}", match[3]] = key
        return found

    def read(self, key):
        """The bytes of an object."""
        with self.filesystem.open_input_stream(f"{self.root}/{key}") as stream:
            return stream.read()

    def hashes(self):
        """The hash of every published partition's bytes, by (zone.table, day)."""
        return {
            partition: hashlib.sha256(self.read(key)).hexdigest()
            for partition, key in self.partitions().items()
        }


def differences(expected, found):
    """What differs between two `hashes()`, as lines for people; none where they are equal."""
    lines = []
    for partition in sorted(set(expected) | set(found)):
        name = f"{partition[0]} dt={partition[1]}"
        if partition not in found:
            lines.append(f"{name}: missing")
        elif partition not in expected:
            lines.append(f"{name}: should not be there")
        elif expected[partition] != found[partition]:
            lines.append(f"{name}: other bytes")
    return lines
