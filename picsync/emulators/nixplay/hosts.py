"""The host names of the emulated Nixplay."""

API = "api.nixplay.com"
APP = "app.nixplay.com"
MONITOR = "upload-monitor.nixplay.com"
ORIGINALS = "nixplay-prod-original.s3.us-west-2.amazonaws.com"
UPLOADS = "nixplay-prod-upload.s3.us-west-2.amazonaws.com"
HOSTS = (API, APP, MONITOR, ORIGINALS, UPLOADS)
"""All of them: the names that a certificate and a resolver need."""


def bucket(host: str) -> str:
    """Return the bucket of an S3 host name."""
    return host.partition(".")[0]
