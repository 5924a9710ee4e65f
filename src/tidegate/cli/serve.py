"""`tidegate serve`."""

from tidegate import app
from tidegate.adapters.keystore import KeyStoreError
from tidegate.cli.options import DEFAULT_HOME, ConfigPath, Home, Host, Port, complain, complain_of, settings
from tidegate.control.problems import ConfigError


def serve(*, host: Host = "127.0.0.1", port: Port = 8080, config: ConfigPath = None, home: Home = DEFAULT_HOME) -> int:
    """See `texts.SERVE`."""
    chosen = settings(config, home, host=host, port=port)
    try:
        return app.serve(chosen)
    except ConfigError as error:
        return complain_of(error)
    except KeyStoreError as error:
        complain(f"error: {error}")
        return 1
