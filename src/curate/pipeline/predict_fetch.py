"""Fetching one file from an address, with an end to the patience and to the size."""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.request
from importlib.metadata import version
from pathlib import Path

TIMEOUT = 10.0
"""Seconds without a byte after which an address is given up."""

PATIENCE = 6
"""So many times the time-out is what a whole file may take."""

MOST_BYTES = 2**27
"""Larger files are not fetched: no picture that can be decoded here needs more."""

_STEP = 2**16


class NotFetched(Exception):
    """An address gave no file; its text says why."""


def fetch(address: str, target: Path, timeout: float = TIMEOUT) -> None:
    """Write what lies at an http or https address to a file.

    A redirect is followed to http and https only, so that no address can name a file here.

    Raises:
        NotFetched: no answer in time, an error of the server, or more than `MOST_BYTES`.
    """
    until = time.monotonic() + PATIENCE * timeout
    try:
        about = {"User-Agent": f"curate/{version('curate')}"}
        request = urllib.request.Request(address, headers=about)
        with _opener().open(request, timeout=timeout) as answer, target.open("wb") as file:
            size = 0
            while part := answer.read(_STEP):
                size += len(part)
                if size > MOST_BYTES:
                    raise NotFetched(f"the file has more than {MOST_BYTES // 2**20} MB")
                if time.monotonic() > until:
                    raise NotFetched(f"not finished within {PATIENCE * timeout:g} s")
                file.write(part)
    except urllib.error.HTTPError as error:
        with error:
            raise NotFetched(f"the server answers {error.code} {error.reason}") from error
    except TimeoutError as error:
        raise NotFetched(f"no answer within {timeout:g} s") from error
    except urllib.error.URLError as error:
        if isinstance(error.reason, TimeoutError):
            raise NotFetched(f"no answer within {timeout:g} s") from error
        raise NotFetched(f"cannot be reached: {error.reason}") from error
    except (http.client.HTTPException, OSError, ValueError) as error:
        raise NotFetched(f"cannot be fetched: {error or type(error).__name__}") from error


def _opener() -> urllib.request.OpenerDirector:
    """Proxies of the environment, http, https and their redirects, and nothing else."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(), urllib.request.UnknownHandler(),
        urllib.request.HTTPHandler(), urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(), urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPErrorProcessor(),
    ):  # fmt: skip
        opener.add_handler(handler)
    return opener
