from bench import report
from bench.measure import Run


def run(gateway: str, scenario: str, cpu_us: float, repetition: int = 0) -> Run:
    return Run(
        gateway=gateway,
        scenario=scenario,
        kind="closed",
        repetition=repetition,
        requests=1,
        errors=0,
        seconds=1,
        cpu_us=cpu_us,
        per_second=1,
        load_core=0.1,
        foreign=0,
    )


def results(ours: float, peer: float, floor: float) -> report.Results:
    runs = [run("tidegate", "chat-claude", ours * factor) for factor in (0.5, 1, 3)]
    runs += [run("litellm", "chat-claude", peer), run("nginx", "chat-openai", floor), run("sketch", "chat-claude", 140)]
    titles = {"tidegate": "Tidegate", "litellm": "LiteLLM", "nginx": "nginx"}
    return report.Results(date="d", commit="c", machine={"processor": "p"}, versions={}, titles=titles, runs=runs)


def test_targets_are_judged_by_medians_and_what_was_not_measured_is_not_kept() -> None:
    kept = [target.kept for target in report.targets(results(100, 7000, 20))]
    assert kept == [True, True, True, False, False, False, False]
    missed = report.targets(results(201, 7000, 20))
    assert [target.kept for target in missed[:3]] == [False, False, False]
    assert [target.found for target in missed[:4]] == ["201.0 µs", "1.44 times", "35 times", None]


def test_the_page_tells_missed_from_not_measured() -> None:
    page = report.page(results(201, 7000, 20))
    assert "| 201.0 µs | missed |" in page
    assert "| not measured |  |" in page


def test_a_comparison_takes_the_machine_out_by_the_floor() -> None:
    text = report.compare(results(100, 7000, 20), results(150, 7000, 30))
    line = next(line for line in text.splitlines() if line.startswith("tidegate"))
    assert line.endswith("1.50, by the floor 1.00")
