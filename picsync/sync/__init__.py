"""One cycle of one album rule: look, decide, transfer, publish, delete, report."""
