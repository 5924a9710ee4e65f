"""The database: schema, migrations and one repository per file, on SQLite and on PostgreSQL with the same statements."""
