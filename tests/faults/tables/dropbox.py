"""Requests to Dropbox."""

from __future__ import annotations

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
