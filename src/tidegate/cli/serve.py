"""`tidegate serve` with options."""

from tidegate.cli import start
from tidegate.cli.options import ConfigPath, Home, Host, Port, Workers


def serve(*, host: Host = None, port: Port = None, config: ConfigPath = None, home: Home = None, workers: Workers = None) -> int:
    """See `texts.SERVE`."""
    return start.start(host=host, port=port, config=config, home=home, workers=workers)
