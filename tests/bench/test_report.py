"""The arithmetic of ./dev bench: ratios are paired within a round, and a bar is judged by their median."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench"))

from side_by_side import load, report  # noqa: E402
from side_by_side.cases import CASES, Bar, Case  # noqa: E402
from side_by_side.rounds import turned  # noqa: E402


def figures(rps, cpu_us=10.0, p99=1.0):
    return {"rps": rps, "cpu_us": cpu_us, "p50": 0.5, "p99": p99, "pss": 2**20}


def case(*bars):
    return Case("one", "a case", "hello", "/", bars)


def test_a_ratio_pairs_the_rounds_before_it_takes_the_median():
    results = {"askr": [figures(200), figures(900), figures(400)], "nginx+fpm": [figures(100), figures(100), figures(400)]}
    result = report.summary(case(Bar("rps_ratio", 2)), results, "nginx+fpm")
    assert result["servers"]["askr"]["rps_ratio"] == 2
    assert result["servers"]["askr"]["rps_ratio_range"] == [1, 9]
    assert result["bars"] == [{"bar": "rps_ratio ≥ 2", "variant": "askr", "measured": 2, "met": True, "stretch_met": False}]


def test_a_missed_bar_is_called_missed():
    results = {"askr": [figures(100, cpu_us=19)], "nginx+fpm": [figures(100)]}
    result = report.summary(case(Bar("rps_ratio", 6), Bar("cpu_us", 18)), results, "nginx+fpm")
    assert [bar["met"] for bar in result["bars"]] == [False, False]
    assert report.text(result).count("NOT MET") == 2


def test_a_bar_without_its_peer_is_not_judged():
    result = report.summary(case(Bar("rps_ratio", 6), Bar("cpu_us", 18)), {"askr": [figures(100)]}, "nginx+fpm")
    assert [bar["bar"] for bar in result["bars"]] == ["cpu_us ≤ 18"]
    assert "rps_ratio ≥ 6: not judged" in report.text(result)


def test_throughput_bars_are_floors_and_cost_bars_are_ceilings():
    assert Bar("rps_ratio", 3).met(3) and not Bar("rps_ratio", 3).met(2.99)
    assert Bar("p99_ratio", 0.33).met(0.33) and not Bar("p99_ratio", 0.33).met(0.34)
    assert Bar("idle_kb", 4, 2).stretch_met(2) and not Bar("idle_kb", 4, 2).stretch_met(3)


def test_each_server_comes_first_in_some_round():
    assert [turned(["a", "b", "c"], number)[0] for number in range(4)] == ["a", "b", "c", "a"]


@pytest.mark.parametrize("line, milliseconds", [("     50%   66.00us", 0.066), ("     50%    1.08ms", 1.08),
                                                ("     50%    1.02s ", 1020.0), ("     50%    2.00m ", 120000.0)])
def test_latencies_are_read_in_every_unit_of_wrk(line, milliseconds):
    assert load.latency(f"  Latency Distribution\n{line}\n     75%  410.00us\n", 50) == pytest.approx(milliseconds)


def test_every_case_has_a_bar_and_a_name_of_its_own():
    assert all(one.bars for one in CASES)
    assert len({one.name for one in CASES}) == len(CASES)
