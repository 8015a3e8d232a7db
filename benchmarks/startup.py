"""Fresh processes: `pushdsl --version` and `pushdsl check` of a small file, beside bare Python and Python with Lark.

python benchmarks/startup.py --reps 15
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RULES = """push edition 1
warehouse main
store shop on simulated
rule "Everything" {
  for everything
  to shop
  take main
  keep back 2 units
}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--reps", type=int, default=15)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rules = Path(folder) / "rules.push"
        rules.write_text(RULES, "utf-8")
        programs = {
            "python -c pass": ["-c", "pass"],
            "python with lark": ["-c", "import lark"],
            "pushdsl --version": ["-m", "pushdsl", "--version"],
            "pushdsl --help": ["-m", "pushdsl", "--help"],
            "pushdsl check": ["-m", "pushdsl", "check", str(rules)],
        }
        seconds: dict[str, list[float]] = {name: [] for name in programs}
        for repetition in range(args.reps + 1):
            for name, arguments in programs.items():
                started = time.perf_counter()
                subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
                if repetition:
                    seconds[name].append(time.perf_counter() - started)
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    print("| program | ms | against Python | against Python with Lark |\n| --- | --- | --- | --- |")
    for name, median in medians.items():
        bare, lark = medians["python -c pass"], medians["python with lark"]
        print(f"| {name} | {median * 1e3:.0f} | {median / bare:.2f} | {median / lark:.2f} |")


if __name__ == "__main__":
    main()
