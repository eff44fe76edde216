"""The Google Photos Library API with OAuth, as a source.

- `source`: the port; `links` renews the URLs of originals; `quotas` handles the daily quotas.
- `api`: the calls, on google-api-python-client.
- The login and Google's JSON are in `picsync.vendors.google`.
"""
