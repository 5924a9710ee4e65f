"""The control API: tenants, people, keys and figures over HTTP, on a listener of its own. All of it is made from the table in `routes`."""
