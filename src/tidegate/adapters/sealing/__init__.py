"""Sealed bytes: AES-256-GCM envelopes (`envelope`) under key-encryption keys that the operator holds (`keys`). `app` and `cli` make
a sealer of both; where sealed bytes are kept is the repositories' affair."""
