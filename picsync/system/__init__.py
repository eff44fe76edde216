"""The interface to the operating system: files, requests between processes, crash reports."""
