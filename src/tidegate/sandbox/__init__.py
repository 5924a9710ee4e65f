"""The scriptable fake provider: a feature for users who test offline, and the upstream of Tidegate's own tests.

It writes both wire formats by itself from their documentation and never uses the gateway's dialects, so that a test which passes
through the gateway and the sandbox proves something. `app.create_app` gives it as an ASGI application (for use in process),
`server.serve` and `server.running` put it on a port. What a prompt can order is in `script`; the guide is `docs/sandbox.md`.
"""
