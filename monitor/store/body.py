"""Request bodies of the store's front: read up to a limit, unpacked up to the same limit."""

import importlib
import sys
import zlib
from typing import Any

from aiohttp import web


class BodyError(Exception):
    """A body that is too large or not what it says; `status` is the HTTP status."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


async def read_limited(request: web.Request, limit: int) -> bytes:
    """The body as it came. Raises BodyError beyond `limit` bytes, without reading further."""
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > limit:
            raise BodyError(413, f"The body is larger than {limit} bytes")
    return bytes(body)


def decompress(body: bytes, encoding: str, limit: int) -> bytes:
    """The body without its Content-Encoding. Raises BodyError when it is damaged or unpacks beyond `limit` bytes."""
    if encoding in ("", "identity") or not body:
        return body
    try:
        unpacked, complete = _unpack(body, encoding, limit + 1)
    except (zlib.error, RuntimeError, ValueError, EOFError, ImportError) as error:
        raise BodyError(400, f"The body is not {encoding}") from error
    except Exception as error:
        if type(error).__name__ == "ZstdError":  # its module is known only at run time
            raise BodyError(400, f"The body is not {encoding}") from error
        raise
    if len(unpacked) > limit:
        raise BodyError(413, f"The body unpacks to more than {limit} bytes")
    if not complete:
        raise BodyError(400, f"The {encoding} body ends too early")
    return unpacked


def _unpack(body: bytes, encoding: str, most: int) -> tuple[bytes, bool]:
    """At most `most` bytes, and whether they were all."""
    unpacker: Any
    if encoding in ("gzip", "deflate"):
        unpacker = zlib.decompressobj(31 if encoding == "gzip" else 15)
    elif encoding == "lz4":
        # clickhouse-connect brings lz4 and zstd along; they have no types.
        unpacker = importlib.import_module("lz4.frame").LZ4FrameDecompressor()
    elif encoding == "zstd":
        name = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
        unpacker = importlib.import_module(name).ZstdDecompressor()
    else:
        raise BodyError(400, "Use gzip, deflate, lz4 or zstd for the body, or none")
    out = bytearray()
    while body and not unpacker.eof and len(out) < most:
        piece = unpacker.decompress(body, most - len(out))
        # zlib hands back what it has not read; the others keep it and go on with nothing.
        body = unpacker.unconsumed_tail if hasattr(unpacker, "unconsumed_tail") else b""
        out += piece
        if not body and not piece:
            break
    return bytes(out), bool(unpacker.eof)
