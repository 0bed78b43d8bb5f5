"""Fails unless the tests on real data ran: `python real_data_ran.py JUNIT_XML`.

A test that is marked `real_data` carries the property `real_data` in the report (tests/conftest.py writes it).
"""

import sys
from xml.etree import ElementTree


def main(report: str) -> int:
    """Reads the report of one pytest run; returns the exit code."""
    cases = [
        case
        for case in ElementTree.parse(report).iter("testcase")
        if case.find("properties/property[@name='real_data']") is not None
    ]
    skipped = [f"{case.get('classname')}::{case.get('name')}" for case in cases if case.find("skipped") is not None]
    if skipped:
        print("these tests on real data were skipped though the data is there:", *skipped, sep="\n  ", file=sys.stderr)
    if not cases:
        print(f"no test on real data ran though the data is there ({report} holds none)", file=sys.stderr)
    return 1 if skipped or not cases else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
