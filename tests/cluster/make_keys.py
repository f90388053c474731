"""Makes the keys that the tests share: make_keys.py STEWARD DIRECTORY."""

import shutil
import sys
import tempfile
from pathlib import Path

from cluster_case import SHARED_KEYS
from demolib.cluster import Cluster


def main():
    directory = Path(sys.argv[2])
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    for wide, local, sites in SHARED_KEYS:
        with tempfile.TemporaryDirectory(prefix="steward-keys-") as scratch:
            cluster = Cluster(sys.argv[1], scratch, wide, local, sites)
            cluster.write_file()
            cluster.keys = directory / cluster.name()
            cluster.make_keys()


if __name__ == "__main__":
    main()
