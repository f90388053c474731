"""The data set: what this machine's package index says of each Debian package."""

import subprocess


def read_packages(count):
    """Up to `count` pairs (package, 'version TAB size TAB first line of the description')."""
    output = subprocess.run(["apt-cache", "dumpavail"], check=True, capture_output=True).stdout
    records = {}
    for paragraph in output.split(b"\n\n"):
        fields = {}
        for line in paragraph.split(b"\n"):
            name, colon, value = line.partition(b": ")
            if colon and not line.startswith(b" "):
                fields.setdefault(name, value.strip())
        if b"Package" not in fields or b"Version" not in fields:
            continue
        value = b"\t".join(fields.get(name, b"")
                           for name in (b"Version", b"Size", b"Description"))
        records.setdefault(fields[b"Package"], value)
        if len(records) == count:
            break
    return list(records.items())
