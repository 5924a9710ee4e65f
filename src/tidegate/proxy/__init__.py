"""The data plane: from the request of a client to its settled usage event. `pipeline` is the file to read first."""
