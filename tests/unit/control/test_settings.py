from pathlib import Path

import pytest

from tidegate.control.problems import ConfigError
from tidegate.control.settings import Settings, settings


def test_defaults() -> None:
    chosen = settings({})
    assert (chosen.host, chosen.port, chosen.home, chosen.config_path) == ("127.0.0.1", 8080, Path(".tidegate"), None)
    assert chosen.config_file == Path("tidegate.yaml")
    assert chosen == Settings()


def test_variables_and_options() -> None:
    environ = {"TIDEGATE_HOST": "h", "TIDEGATE_PORT": "1", "TIDEGATE_HOME": "d", "TIDEGATE_CONFIG": "c.yaml"}
    chosen = settings(environ)
    assert (chosen.host, chosen.port, chosen.home, chosen.config_file) == ("h", 1, Path("d"), Path("c.yaml"))
    chosen = settings(environ, host="i", port=0, home=Path("e"), config=Path("d.yaml"))
    assert (chosen.host, chosen.port, chosen.home, chosen.config_file) == ("i", 0, Path("e"), Path("d.yaml"))


def test_an_empty_variable_is_unset() -> None:
    empty: dict[str, str] = dict.fromkeys(("TIDEGATE_HOST", "TIDEGATE_PORT", "TIDEGATE_HOME", "TIDEGATE_CONFIG"), "")
    assert settings(empty) == Settings(environ=empty)


@pytest.mark.parametrize("port", ["http", "-1", "65536", "8080 ", "\u0663", "1" * 9])
def test_a_port_is_a_port(port: str) -> None:
    with pytest.raises(ConfigError, match="is not a port"):
        settings({"TIDEGATE_PORT": port})


def test_the_control_api_has_a_listener_of_its_own() -> None:
    assert (Settings().admin_host, Settings().admin_port) == ("127.0.0.1", 8081)
    chosen = settings({"TIDEGATE_ADMIN_HOST": "::1", "TIDEGATE_ADMIN_PORT": "0", "TIDEGATE_HOST": "0.0.0.0", "TIDEGATE_PORT": "80"})
    assert (chosen.admin_host, chosen.admin_port) == ("::1", 0)
    with pytest.raises(ConfigError, match="TIDEGATE_ADMIN_PORT"):
        settings({"TIDEGATE_ADMIN_PORT": "none"})


def test_settings_never_show_the_environment() -> None:
    assert "s3cret" not in repr(settings({"KEY": "s3cret"}))


@pytest.mark.parametrize("name", ["TIDEGATE_PRE_STOP", "TIDEGATE_DRAIN"])
def test_the_phases_of_the_end_are_seconds(name: str) -> None:
    assert (Settings().pre_stop, Settings().drain) == (5.0, 960.0)
    assert 7.0 in (settings({name: "7"}).pre_stop, settings({name: "7"}).drain)
    for wrong in ("-1", "soon", "1.5", "100000"):
        with pytest.raises(ConfigError, match=name):
            settings({name: wrong})


def test_workers_keep_their_own_below_the_home_and_the_first_one_in_it() -> None:
    assert (Settings().workers, settings({"TIDEGATE_WORKERS": "3"}).workers, settings({"TIDEGATE_WORKERS": "3"}, workers=2).workers) == (
        1,
        3,
        2,
    )
    assert Settings(home=Path("d")).own == Path("d")
    assert Settings(home=Path("d"), worker=2).own == Path("d/workers/2")
    for wrong in ("0", "-1", "257", "many", "1.5"):
        with pytest.raises(ConfigError, match="TIDEGATE_WORKERS"):
            settings({"TIDEGATE_WORKERS": wrong})
