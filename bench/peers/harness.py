"""Shared by the peers: thread limits, timing, and the one line of JSON a peer prints.

usage of every peer:  python <peer>.py [threads] [variant ...]
"""

import json
import os
import statistics
import sys
import time

THREADS = int(sys.argv[1]) if len(sys.argv) > 1 else os.cpu_count()
WANTED = sys.argv[2:]

# jax sizes its pool from the affinity mask, OpenMP from its variable: both are read at import.
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:THREADS])
os.environ["OMP_NUM_THREADS"] = str(THREADS)

SECONDS = float(os.environ.get("PEER_SECONDS", "3"))
ROUNDS = 10
PAUSE_SECONDS = 0.3


def milliseconds(step):
    """Time `step()` after a warm-up of a tenth of the budget: the median and the minimum over rounds of several calls."""
    calls = _calls_in(step, SECONDS / ROUNDS)
    rounds = [_time(step, calls) / calls for _ in range(ROUNDS)]
    return {"median_ms": statistics.median(rounds) * 1e3, "min_ms": min(rounds) * 1e3, "calls": calls * ROUNDS}


def fastest(steps):
    """The best of several ways to write the same step: a user who tunes would keep that one. `steps` is {name: make}."""
    results = {}
    for name, make in steps.items():
        time.sleep(PAUSE_SECONDS)  # until the OpenMP threads of the variant before stop spinning
        results[name] = milliseconds(make())
    choice = min(results, key=lambda name: results[name]["median_ms"])
    return {**results[choice], "choice": choice, "tried": {name: r["median_ms"] for name, r in results.items()}}


def report(peer, variants, **facts):
    """Run the variants ({name: {way: make}}), print one line of JSON; a variant that cannot run reports its error."""
    results = {}
    for name, steps in variants.items():
        if WANTED and name not in WANTED:
            continue
        try:
            results[name] = fastest(steps)
        except Exception as error:
            results[name] = {"error": f"{type(error).__name__}: {error}"[:300]}
    print(json.dumps({"peer": peer, "threads": THREADS, **facts, "versions": _versions(), "results": results}))


def _calls_in(step, seconds):
    step()
    calls, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        step()
        calls += 1
    return max(1, calls)


def _time(step, calls):
    start = time.perf_counter()
    for _ in range(calls):
        step()
    return time.perf_counter() - start


def _versions():
    return {name: sys.modules[name].__version__ for name in ("torch", "jax", "numpy", "safetensors") if name in sys.modules}
