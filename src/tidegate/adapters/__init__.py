"""One implementation of a port per file: sockets, files, clocks. Only `app` names these."""
