"""`python -m tests.fuzz --seed S --budget SECONDS` feeds every parser of foreign data; see `campaign`."""

from __future__ import annotations

import argparse
import sys

from tests.fuzz.campaign import run, table


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="decides the inputs")
    parser.add_argument("--budget", type=float, default=60.0, help="seconds for all parsers together")
    parser.add_argument("--only", default="", help="part of a parser's name")
    arguments = parser.parse_args()
    try:
        results = run(arguments.seed, arguments.budget, only=arguments.only)
    except ValueError as error:
        parser.error(str(error))
    print(table(results))
    return int(any(each.failures for each in results))


if __name__ == "__main__":
    sys.exit(main())
