"""Whom clients trust over TLS: as httpx says, read once, because that takes 20 ms of a client."""

import os
import ssl
from functools import cache

import httpx


def trusted() -> ssl.SSLContext:
    """The authorities of SSL_CERT_FILE and SSL_CERT_DIR, or those that httpx brings."""
    return _read(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))


@cache
def _read(file: str | None, folder: str | None) -> ssl.SSLContext:
    del file, folder  # httpx reads them itself
    return httpx.create_ssl_context()
