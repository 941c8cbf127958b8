"""How fast tools are decided from one process, and whether memory stays flat.

    python speed.py             numbers, as `docs/python.md` tells them
    python speed.py soak 10000000

The first measures against a server of its own (`IRON_BINARY`); both need the wheel.
"""

from __future__ import annotations

import asyncio
import gc
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))

from sandbox import Sandbox

from iron_cage import Cage, Guard, Policies, ToolProxy

TOOL: dict[str, Any] = {"name": "look_up", "access": "read", "untrusted_output": False}
PATH = [{"name": "path", "kind": "path", "roots": ["/data"]}]
RULES = "- {name: reading, effect: allow, match: {tools: [read_file]}}"
TEXT = "The customer wrote that the order has not come yet, and asks when it will. " * 13
MOST_GROWTH_KB = 8 * 1024


def microseconds(act: Callable[[], object], count: int) -> tuple[float, float]:
    """The median, and what one of a hundred takes."""
    took = []
    for _ in range(count):
        begun = time.perf_counter_ns()
        act()
        took.append((time.perf_counter_ns() - begun) / 1000)
    return statistics.median(took), statistics.quantiles(took, n=100)[98]


async def microseconds_awaited(act: Callable[[], Awaitable[object]], count: int) -> tuple[float, float]:
    took = []
    for _ in range(count):
        begun = time.perf_counter_ns()
        await act()
        took.append((time.perf_counter_ns() - begun) / 1000)
    return statistics.median(took), statistics.quantiles(took, n=100)[98]


def told(what: str, numbers: tuple[float, float]) -> None:
    print(f"{what:<58} {numbers[0]:>9.1f} µs median {numbers[1]:>9.1f} µs of a hundred")


def own_work(since: float, count: int) -> None:
    """What of it is work of this process, which no busy neighbour makes longer."""
    work = (time.process_time() - since) / count * 1_000_000
    print(f"{'  of which is work of the agent':<58} {work:>9.1f} µs on average")


def per_second(what: str, act: Callable[[], object], count: int, threads: int) -> None:
    begun = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(act) for _ in range(count)]:
            done.result()
    print(f"{what:<58} {count / (time.perf_counter() - begun):>9.0f} a second")


def engines() -> tuple[Policies, Guard]:
    policies = Policies(RULES, tools=[{"name": "read_file", "kind": "file", "access": "read", "parameters": PATH}])
    return policies, Guard({"pii": {"action": "redact"}})


def look_up(name: str) -> str:
    return f"customer {name}"


async def look_up_awaited(name: str) -> str:
    return f"customer {name}"


def in_process() -> None:
    policies, guard = engines()

    def decide() -> object:
        return policies.decide("read_file", {"path": "/data/report.txt"}, agent="clerk", role="read_only")

    assert policies.decide("read_file", {"path": "/data/a"}, agent="clerk", role="read_only").decision == "allow"
    told("a decision with its arguments, in the process", microseconds(decide, 20_000))
    for threads in (1, 4):
        begun, worked = time.perf_counter(), time.process_time()
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda _: [decide() for _ in range(10_000)], range(threads)))
        count = threads * 10_000
        rate, of_work = count / (time.perf_counter() - begun), count / (time.process_time() - worked)
        print(f"{f'decisions in the process, {threads} threads':<58} {rate:>9.0f} a second, {of_work:.0f} of the processor's time")
    told("a text of 1 KB judged, in the process", microseconds(lambda: guard.judge(TEXT, "user"), 2_000))


def governed(cage: Cage) -> None:
    proxy = ToolProxy(look_up, cage)
    proxy.execute("Ada")
    worked = time.process_time()
    told("a tool asked for, run and scanned, over loopback", microseconds(lambda: proxy.execute("Ada"), 500))
    own_work(worked, 500)
    per_second("tools asked for, run and scanned, 16 threads", lambda: proxy.execute("Ada"), 2_000, 16)


async def awaited(cage: Cage) -> None:
    proxy = ToolProxy(look_up_awaited, cage, name="look_up")
    await proxy.aexecute("Ada")
    worked = time.process_time()
    told("the same, awaited", await microseconds_awaited(lambda: proxy.aexecute("Ada"), 500))
    own_work(worked, 500)
    count = 2_000
    room = asyncio.Semaphore(64)

    async def one() -> None:
        async with room:
            await proxy.aexecute("Ada")

    begun = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(count)))
    print(f"{'the same, 64 at once on one loop':<58} {count / (time.perf_counter() - begun):>9.0f} a second")
    await cage.aclose()


def resident_kb() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4


def soak(count: int) -> int:
    """Calls into the native module, and gives by how many KB the process has grown after the first tenth."""
    policies, guard = engines()
    arguments = {"path": "/data/report.txt", "note": ["some", {"more": 1.5}]}

    def call() -> None:
        policies.decide("read_file", arguments, agent="clerk", role="read_only")
        guard.judge_value({"to": ["jane.roe@example.com"], "n": 1})

    for _ in range(max(count // 10, 2_000)):
        call()
    gc.collect()
    before = resident_kb()
    for _ in range(count):
        call()
    gc.collect()
    return resident_kb() - before


def main() -> None:
    if sys.argv[1:2] == ["soak"]:
        count = int(sys.argv[2])
        grown = soak(count)
        print(f"{count} calls: {grown:+} KB")
        if grown > MOST_GROWTH_KB:
            raise SystemExit("memory is not flat")
        return
    in_process()
    with Sandbox() as sandbox:
        policies = [{"name": "reading", "effect": "allow", "match": {"tools": ["look_up"]}}]
        cage = sandbox.agent("bench", budget=1, tools=[TOOL], policies=policies, guardrails={})
        governed(cage)
        asyncio.run(awaited(cage))
        cage.close()


if __name__ == "__main__":
    main()
