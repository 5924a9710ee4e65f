"""The data plane: from the ASGI scope of a call to its settled usage event. `pipeline` is the file to read first."""
