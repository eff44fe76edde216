"""Requests to Dropbox."""

from __future__ import annotations

from dataclasses import replace

from picsync.emulators.dropbox import API, CONTENT, NOTIFY
from picsync.vendors.dropbox import api as dropbox
from picsync.vendors.dropbox.tokens import RENEW_TOKEN
from tests.faults.tables.table import Place, Table

TABLE = Table(
    places={
        RENEW_TOKEN: Place("POST", API, "/oauth2/token"),
        dropbox.LIST: Place("POST", API, "/2/files/list_folder"),
        dropbox.CONTINUE: Place("POST", API, "/2/files/list_folder/continue"),
        dropbox.POLL: Place("POST", NOTIFY, "/2/files/list_folder/longpoll"),
        dropbox.LOOK_AT: Place("POST", API, "/2/files/get_metadata"),
        dropbox.OPEN_LINK: Place("POST", API, "/2/sharing/get_shared_link_metadata"),
        dropbox.DOWNLOAD: Place("GET", CONTENT, "/2/files/download"),
        dropbox.DOWNLOAD_LINKED: Place("GET", CONTENT, "/2/sharing/get_shared_link_file"),
        dropbox.DOWNLOAD_THUMBNAIL: Place("GET", CONTENT, "/2/files/get_thumbnail_v2"),
        dropbox.CHECK_LOGIN: Place("POST", API, "/2/check/user"),
    },
    downloads=frozenset({dropbox.DOWNLOAD, dropbox.DOWNLOAD_LINKED, dropbox.DOWNLOAD_THUMBNAIL}),
    unread=frozenset({dropbox.DOWNLOAD, dropbox.DOWNLOAD_LINKED}),
    # Only the doctor and the page ask some of them; changes are awaited outside of cycles; a link is opened
    # where its folder cannot be listed.
    unplayed=frozenset(
        {
            dropbox.POLL,
            dropbox.LOOK_AT,
            dropbox.OPEN_LINK,
            dropbox.DOWNLOAD_THUMBNAIL,
            dropbox.CHECK_LOGIN,
            # The link shows the files of the folder, and equal files are downloaded once.
            dropbox.DOWNLOAD_LINKED,
        }
    ),
    swaps={
        RENEW_TOKEN: (dropbox.LIST,),
        dropbox.LIST: (RENEW_TOKEN, dropbox.LOOK_AT),
        dropbox.CONTINUE: (RENEW_TOKEN,),
        dropbox.DOWNLOAD: (dropbox.LIST,),
        dropbox.DOWNLOAD_LINKED: (dropbox.LIST,),
    },
)

FRAME_TABLE = replace(
    TABLE,
    places={
        **TABLE.places,
        dropbox.READ_SPACE: Place("POST", API, "/2/users/get_space_usage"),
        dropbox.UPLOAD: Place("POST", CONTENT, "/2/files/upload"),
        dropbox.START_SESSION: Place("POST", CONTENT, "/2/files/upload_session/start"),
        dropbox.APPEND: Place("POST", CONTENT, "/2/files/upload_session/append_v2"),
        dropbox.FINISH: Place("POST", CONTENT, "/2/files/upload_session/finish"),
        dropbox.FINISH_BATCH: Place("POST", API, "/2/files/upload_session/finish_batch_v2"),
        dropbox.CREATE_FOLDER: Place("POST", API, "/2/files/create_folder_v2"),
        dropbox.MOVE: Place("POST", API, "/2/files/move_v2"),
        dropbox.MOVE_BATCH: Place("POST", API, "/2/files/move_batch_v2"),
        dropbox.COPY: Place("POST", API, "/2/files/copy_v2"),
        dropbox.DELETE: Place("POST", API, "/2/files/delete_v2"),
        dropbox.DELETE_BATCH: Place("POST", API, "/2/files/delete_batch"),
        dropbox.CHECK_JOB: Place("POST", API, r"/2/files/(move|delete)_batch/check(_v2)?"),
    },
    writes=frozenset(dropbox.WRITE_OPERATIONS) - {dropbox.CHECK_JOB},
)
"""Those of a folder that is a frame; its cells play what a cycle sends."""
