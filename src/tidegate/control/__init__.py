"""The control plane: from configuration to the snapshot that the data plane reads."""
