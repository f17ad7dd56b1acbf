"""The report: one self-contained HTML page of what is stored."""
