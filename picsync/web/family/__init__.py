"""The family's pages and their API: a FastAPI application. Only a configuration with `family` imports it."""
