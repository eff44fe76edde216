"""Uses Google Photos through an unmodified gphotos-suite: gphotossuite.py CLIENT_SECRETS PHOTO FILM.

Logs in first; prints what each call returns.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from googleapiclient.errors import HttpError
from gphotos_suite import GooglePhotos


def main(secrets: str, photo: str, film: str) -> None:
    google = GooglePhotos(cred_file=secrets, token_file=str(Path(secrets).with_name("token.json")))
    album = google.create_album("Trip")["id"]
    uploaded = [google.upload_file(each) for each in (photo, film)]
    ids = [item["id"] for item in uploaded]
    told = {
        "uploaded": uploaded,
        "added": google.add_to_album(album, ids),
        "album": google.get_album(album),
        "albums": google.list_albums(),
        "content": google.list_album_content(album),
        "films": google.search_media_items("VIDEO", dates=[{"year": 0, "month": 1}], include_archived=True),
        "one": google.get_media_item(ids[0]),
        "batch": google.batch_get_media_items([*ids, "A" * 60]),
        "described": google.set_media_description(ids[0], "The dog"),
        "titled": google.set_album_title(album, "Lake"),
        "covered": google.set_album_cover(album, ids[1]),
        "bytes": [len(google.download_media(item)) for item in google.list_media_items()],
        "removed": google.remove_from_album(album, ids[:1]),
        "left": google.list_album_content(album),
    }
    try:
        google.list_shared_albums()
    except HttpError as error:
        told["shared"] = error.resp.status
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
