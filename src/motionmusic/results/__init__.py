"""Numbers become tables, pictures and the report."""
