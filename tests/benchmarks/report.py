"""The table, what of it was missed, and the change against an earlier run."""

import json
import statistics
import sys
from pathlib import Path

# Of the limit server, in the same run.
_AT_LEAST = {"me_small": 0.70, "me_full": 0.65, "account": 0.60}
_TIMES_PLAIN = 3.0
_P99_TIMES = 3.0
_LOGINS = 0.90
_MEMORY = 110  # MiB
_START = 1.2  # seconds
_SEVERAL = 0.85


def show(result: dict) -> int:
    """Print the table; return 1 when a number is missed."""
    print(
        f"\n{result['cores']} cores, {result['machine']}, Python {result['python']},"
        f" {result['accounts']:,} accounts, one process each, 16 connections\n"
    )
    print(
        f"{'':<22}{'/s':>8}{'p50 ms':>9}{'p99 ms':>9}{'of the limit':>14}"
        f"{'at half: p50':>14}{'p99':>7}"
    )
    for key in result["cases"]:
        if not key.endswith(" at half"):
            print(_line(result, key))
    print()
    verdicts = [f"{'held  ' if held else 'MISSED'}  {text}" for text, held in _judged(result)]
    print("\n".join(verdicts))
    return int(any(it.startswith("MISSED") for it in verdicts))


def _line(result: dict, key: str) -> str:
    case, _, server = key.partition(" ")
    top, half = _median(result, key), _median(result, f"{key} at half")
    share = "" if server == "limit" else _share(result, key, f"{case} limit")
    paced = f"{half['p50']:>14.1f}{half['p99']:>7.1f}" if half else ""
    return f"{key:<22}{top['rate']:>8.0f}{top['p50']:>9.1f}{top['p99']:>9.1f}{share:>14}{paced}"


def _median(result: dict, key: str) -> dict[str, float]:
    some = result["cases"].get(key)
    if not some:
        return {}
    return {name: statistics.median(it[name] for it in some) for name in ("rate", "p50", "p99")}


def _judged(result: dict) -> list[tuple[str, bool]]:
    verdicts = [_of_limit(result, case, least) for case, least in _AT_LEAST.items()]
    ours, plain = (_median(result, f"me_full {it}")["rate"] for it in ("gateway", "plain"))
    text = (
        f"me_full {ours / plain:.1f} times the documentation-style stack (at least {_TIMES_PLAIN})"
    )
    verdicts.append((text, ours / plain >= _TIMES_PLAIN))
    for case in _AT_LEAST:
        ours, limit = (
            _median(result, f"{case} {it} at half")["p99"] for it in ("gateway", "limit")
        )
        text = (
            f"{case} p99 at half rate {ours / limit:.1f} times the limit's (at most {_P99_TIMES})"
        )
        verdicts.append((text, ours / limit <= _P99_TIMES))
    return [*verdicts, *_of_process(result)]


def _of_limit(result: dict, case: str, least: float) -> tuple[str, bool]:
    share = _share(result, f"{case} gateway", f"{case} limit")
    return f"{case} {share} of the limit (at least {least:.2f})", float(share or 0) >= least


def _share(result: dict, key: str, limit: str) -> str:
    """The middle of the ratios of the rounds: what both were at the same time."""
    pairs = zip(result["cases"][key], result["cases"].get(limit, []), strict=False)
    shares = [ours["rate"] / its["rate"] for ours, its in pairs]
    return f"{statistics.median(shares):.2f}" if shares else ""


def _of_process(result: dict) -> list[tuple[str, bool]]:
    # What was possible when they signed in, each time.
    most = [result["cores"] / seconds for seconds in result["hash_seconds"]]
    runs = zip(result["cases"]["login gateway"], most, strict=True)
    logins = statistics.median(run["rate"] / possible for run, possible in runs)
    memory, start = result["memory_mib"], result["started_in"]
    pairs = list(zip(result["processes"]["1"], result["processes"]["2"], strict=True))
    several = statistics.median(two["for_a_second"] / one["for_a_second"] for one, two in pairs)
    one, two = (statistics.median(it["rate"] for it in some) for some in zip(*pairs, strict=True))
    both = f"{one:.0f} and {two:.0f} a second in all"
    return [
        (
            f"logins {logins:.2f} of {statistics.median(most):.1f} a second (at least {_LOGINS})",
            logins >= _LOGINS,
        ),
        (f"{memory:.0f} MiB after {result['requests']:,} requests", memory < _MEMORY),
        (f"first answer after {start:.2f} s (under {_START})", start < _START),
        (
            f"two processes {several:.2f} of one for the same time (at least {_SEVERAL}); {both}",
            several >= _SEVERAL,
        ),
    ]


def compare(former: dict, present: dict) -> None:
    """Print how each case has changed."""
    for key in present["cases"]:
        then, now = _median(former, key), _median(present, key)
        change = f"{now['rate'] / then['rate'] - 1:+.0%}" if then else "new"
        print(f"{key:<34}{then.get('rate', 0):>8.0f} -> {now['rate']:>6.0f} /s  {change}")


if __name__ == "__main__":
    compare(*(json.loads(Path(name).read_text()) for name in sys.argv[1:3]))
