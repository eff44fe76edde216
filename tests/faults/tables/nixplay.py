"""Requests to Nixplay."""

from __future__ import annotations

from picsync.emulators.nixplay.hosts import API, MONITOR, UPLOADS
from picsync.frames.nixplay import client as nixplay
from picsync.frames.nixplay.session import LOGIN
from tests.faults.tables.table import Place, Table

TABLE = Table(
    places={
        LOGIN: Place("POST", API, "/www-login/"),
        nixplay.LIST_WEB_ALBUMS: Place("GET", API, "/v2/albums/web/json/"),
        nixplay.LIST_EMAIL_ALBUMS: Place("GET", API, "/v2/albums/email/json/"),
        nixplay.CREATE_ALBUM: Place("POST", API, "/album/create/json/"),
        nixplay.DELETE_ALBUM: Place("POST", API, r"/album/\d+/delete/json/"),
        nixplay.LIST_PHOTOS: Place("GET", API, r"/album/\d+/pictures/json/"),
        nixplay.DELETE_PHOTO: Place("POST", API, r"/picture/\d+/delete/json/"),
        nixplay.OPEN_RECEIVER: Place("POST", API, "/v3/upload/receivers/"),
        nixplay.PERMIT_UPLOAD: Place("POST", API, "/v3/photo/upload/"),
        nixplay.STORE_BYTES: Place("POST", UPLOADS, "/"),
        nixplay.AWAIT_PROCESSING: Place("GET", MONITOR, "/status"),
        nixplay.LIST_PLAYLISTS: Place("GET", API, "/v3/playlists"),
        nixplay.LIST_SLIDES: Place("GET", API, r"/v3/playlists/\d+/slides"),
        nixplay.CREATE_PLAYLIST: Place("POST", API, "/v3/playlists"),
        nixplay.DELETE_PLAYLIST: Place("DELETE", API, r"/v3/playlists/\d+"),
        nixplay.ADD_ITEMS: Place("POST", API, r"/v3/playlists/\d+/items"),
        nixplay.REMOVE_ITEM: Place("DELETE", API, r"/v3/playlists/\d+/items"),
        nixplay.SET_CAPTION: Place("PATCH", API, r"/v3/pictures/\d+/attrs"),
        nixplay.LIST_FRAMES: Place("GET", API, "/v3/frames"),
        nixplay.LIST_FRAME_STATUSES: Place("GET", API, "/v3/frame/online-status"),
        nixplay.ASSIGN_PLAYLIST: Place("POST", API, r"/v3/shared-frames/\d+/playlists"),
    },
    writes=frozenset(
        {
            nixplay.CREATE_ALBUM,
            nixplay.DELETE_ALBUM,
            nixplay.DELETE_PHOTO,
            nixplay.OPEN_RECEIVER,
            nixplay.PERMIT_UPLOAD,
            nixplay.STORE_BYTES,
            nixplay.CREATE_PLAYLIST,
            nixplay.DELETE_PLAYLIST,
            nixplay.ADD_ITEMS,
            nixplay.REMOVE_ITEM,
            nixplay.SET_CAPTION,
            nixplay.ASSIGN_PLAYLIST,
        }
    ),
    unread=frozenset(
        {
            nixplay.DELETE_ALBUM,
            nixplay.DELETE_PHOTO,
            nixplay.STORE_BYTES,
            nixplay.AWAIT_PROCESSING,
            nixplay.DELETE_PLAYLIST,
            nixplay.ADD_ITEMS,
            nixplay.REMOVE_ITEM,
            nixplay.SET_CAPTION,
            nixplay.ASSIGN_PLAYLIST,
        }
    ),
    swaps={
        LOGIN: (nixplay.LIST_WEB_ALBUMS,),
        nixplay.LIST_WEB_ALBUMS: (nixplay.LIST_PLAYLISTS, nixplay.LIST_PHOTOS),
        nixplay.CREATE_ALBUM: (nixplay.CREATE_PLAYLIST, nixplay.LIST_WEB_ALBUMS),
        nixplay.LIST_PHOTOS: (nixplay.LIST_SLIDES, nixplay.LIST_WEB_ALBUMS),
        nixplay.OPEN_RECEIVER: (nixplay.PERMIT_UPLOAD,),
        nixplay.PERMIT_UPLOAD: (nixplay.OPEN_RECEIVER,),
        nixplay.LIST_PLAYLISTS: (nixplay.LIST_WEB_ALBUMS, nixplay.LIST_SLIDES),
        nixplay.LIST_SLIDES: (nixplay.LIST_PHOTOS, nixplay.LIST_PLAYLISTS),
        nixplay.CREATE_PLAYLIST: (nixplay.CREATE_ALBUM,),
        nixplay.LIST_FRAMES: (nixplay.LIST_PLAYLISTS,),
        nixplay.LIST_FRAME_STATUSES: (nixplay.LIST_FRAMES,),
    },
)
