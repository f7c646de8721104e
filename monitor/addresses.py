"""What an address gives away: whether it stays on this machine, and whether it holds a password."""

import ipaddress
from urllib.parse import urlsplit


def is_loopback(host: str) -> bool:
    """Whether nobody but this machine sees what goes to this host. A name that must be looked up is no loopback."""
    bare = host.strip("[]")
    if bare.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(bare).is_loopback
    except ValueError:
        return False


def host_of(server: str) -> str:
    """The host of one bootstrap server, host:port."""
    return server.strip().rpartition(":")[0]


def broker_fault(servers: str) -> str | None:
    """Why these bootstrap servers are none; None when they may be."""
    if "@" in servers or "://" in servers:
        return (
            "VIGIL_BROKER takes host:port alone; the user goes into VIGIL_BROKER_USER, the password into a file "
            "that VIGIL_BROKER_PASSWORD_FILE names"
        )
    return None


def store_fault(dsn: str) -> str | None:
    """Why nobody should open a store by this DSN; None when it may be opened."""
    if dsn.startswith("chdb:"):
        return None
    try:
        parts = urlsplit(dsn)
        _ = parts.port  # read where it is parsed
    except ValueError:
        return "VIGIL_STORE is no address; write chdb:///path or https://user@host:8443/database"
    if parts.password is not None:
        return (
            "VIGIL_STORE holds a password, which everybody sees who sees the environment; put it into a file that "
            "VIGIL_STORE_PASSWORD_FILE names"
        )
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return "VIGIL_STORE must begin with chdb:///, https:// or http://, and a server needs a host"
    if parts.query or parts.fragment:
        return "VIGIL_STORE ends with the database; what comes after ? could turn off the checks of TLS"
    return None
