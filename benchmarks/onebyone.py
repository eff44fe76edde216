"""Sorts a folder in Dropbox with one call per file: what `benchmarks dropbox` compares organizing with."""

from __future__ import annotations

import sys

import httpx

API = "https://api.dropboxapi.com/2/files"


def main(token: str, authority: str, source: str, target: str) -> None:
    """Move each file to the folder of the year and the month in its name, as the predecessor did."""
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(headers=headers, verify=authority, timeout=60) as http:
        page = http.post(f"{API}/list_folder", json={"path": source}).raise_for_status().json()
        entries = page["entries"]
        while page["has_more"]:
            page = http.post(f"{API}/list_folder/continue", json={"cursor": page["cursor"]}).json()
            entries += page["entries"]
        for entry in entries:
            name = entry["name"]
            to = f"{target}/{name[:4]}/{name[:7]}/{name}"
            move = {"from_path": entry["path_lower"], "to_path": to}
            http.post(f"{API}/move_v2", json=move).raise_for_status()


if __name__ == "__main__":
    main(*sys.argv[1:])
