"""The composition root: the only place that names concrete adapters. `serve` runs a process, `gateway` puts one gateway together, and each
of the other modules makes what one port or one loop needs, so that an adapter is added where it belongs.
"""
