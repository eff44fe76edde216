"""picsync.yaml, the credentials file and the environment: read, checked, and every problem named at once."""

from picsync.config.credentials import (
    CREDENTIALS_PATHS,
    Credentials,
    GoogleAccess,
    GoogleClient,
    GooglePhotosLogin,
    ImmichKey,
    NixplayLogin,
)
from picsync.config.durations import parse_duration
from picsync.config.loading import load_config, load_credentials, read_entries
from picsync.config.loginfile import merge_google_login
from picsync.config.settings import (
    LEAST_EVERY,
    AlbumRule,
    Config,
    Listen,
    Listener,
    MaxDelete,
    SourceKinds,
    StatusListener,
)
from picsync.config.tree import read_regular

__all__ = [
    "CREDENTIALS_PATHS",
    "LEAST_EVERY",
    "AlbumRule",
    "Config",
    "Credentials",
    "GoogleAccess",
    "GoogleClient",
    "GooglePhotosLogin",
    "ImmichKey",
    "Listen",
    "Listener",
    "MaxDelete",
    "NixplayLogin",
    "SourceKinds",
    "StatusListener",
    "load_config",
    "load_credentials",
    "merge_google_login",
    "parse_duration",
    "read_entries",
    "read_regular",
]
