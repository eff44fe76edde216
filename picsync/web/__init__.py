"""The HTTP pages for the operator: the status page, its JSON, health and metrics.

Only `operator` changes something: it passes on the operator's requests.
"""
