from tests.unit.policy.values import snapshot, upstream

from tidegate.adapters.metrics_prometheus import PrometheusMetrics
from tidegate.adapters.metrics_targets import TargetMetrics
from tidegate.ir.errors import Error, ErrorKind
from tidegate.policy.health import Health
from tidegate.policy.models import Models


def test_targets_with_their_state() -> None:
    health = Health()
    openai = upstream("openai")
    models = Models(snapshot(openai))
    place = health.place(models.targets(openai, "gpt-9")[0])
    health.place(models.targets(openai, "a-word-of-a-caller")[0])
    health.drained.add("openai/other")
    place.begun(10.0)
    place.succeeded(10.0, 10.0, 0.5)
    place.begun(10.0)
    place.ended_badly(10.0, 10.0, Error(kind=ErrorKind.RATE_LIMIT, message="m"), 7.0, 0.0)
    place.begun(10.0)
    page = PrometheusMetrics(TargetMetrics(health, lambda: 10.0)).render()[0].decode()
    labels = '{credential="",target="openai/gpt-9"}'
    assert f"tidegate_target_state{labels} 1.0" in page
    assert f"tidegate_target_in_flight{labels} 1.0" in page
    assert f"tidegate_target_first_token_seconds{labels} 0.5" in page
    assert f"tidegate_target_failures_total{labels} 1.0" in page
    assert "tidegate_drained 1.0" in page
    assert "a-word-of-a-caller" not in page
