"""Why another machine cannot be reached, read from the errors of an HTTP client.

Two clients are in use, httpx and httpx2, which call their errors alike and raise them from those of
the operating system.
"""

from __future__ import annotations

import errno
import os
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

CERTIFICATES, CERTIFICATES_FOLDER = "SSL_CERT_FILE", "SSL_CERT_DIR"
OTHERS_CERTIFICATES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Where other programs look for certificates."""
PROXY_SCHEMES = ("http", "https", "socks5", "socks5h")
NEEDS_PASSWORD, DOES_NOT_REACH = 407, (502, 503, 504)
"""What proxies answer in place of a server."""
EXPIRED, OTHER_HOST = (9, 10), (62, 64)
"""What OpenSSL finds wrong with a certificate, by its numbers."""
NO_WAY = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN)
NO_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE")


class Obstacle(NamedTuple):
    """Why something is not reached, what a person can do, and whether it may pass by itself."""

    reason: str
    hint: str
    temporary: bool = False


class Proxy(NamedTuple):
    """A proxy that an environment variable names."""

    variable: str
    value: str

    @property
    def is_usable(self) -> bool:
        """Whether it is an address of a kind that the clients know."""
        try:
            parts = urlsplit(self.value if "://" in self.value else f"http://{self.value}")
            return bool(parts.scheme in PROXY_SCHEMES and parts.hostname and parts.port != 0)
        except ValueError:  # the port is no number
            return False

    def __str__(self) -> str:
        """Return its address, without a password, and where that comes from."""
        return f"the proxy {self.value.rpartition('@')[2]} of {self.variable}"


def obstacle(error: BaseException, url: str, *, direct: bool = False) -> Obstacle | None:
    """Return what keeps `url` from being reached; None if that is unknown.

    With `direct` no proxy was used, whatever the environment says.
    """
    proxy = None if direct else _proxy_for(url)
    return (
        _unusable_certificates()
        or (None if direct else _unusable_proxy(error))
        or _refusal_by_proxy(error, url, proxy)
        or _untrusted(system_error(error))
        or _unreachable(error, url, proxy)
    )


def answer_of_proxy(status: int, url: str, *, direct: bool = False) -> Obstacle | None:
    """Return what a proxy says in place of the server at `url`; None if the server answers.

    On the way to an https:// address such a status comes as an error instead.
    """
    proxy = None if direct else _proxy_for(url)
    if proxy is None or status not in (NEEDS_PASSWORD, *DOES_NOT_REACH):
        return None
    return _refusal(str(status), url, proxy)


def system_error(error: BaseException) -> BaseException:
    """Return what the operating system said below an error, or the error itself."""
    below: BaseException | None = error
    while below is not None:
        if isinstance(below, OSError) and below.strerror:
            return below
        below = below.__cause__ or below.__context__
    return error


def may_pass(error: BaseException) -> bool:
    """Tell whether another try in a moment may succeed: something answers there."""
    cause = system_error(error)
    if isinstance(cause, ConnectionRefusedError):
        return False
    return isinstance(cause, TimeoutError | ConnectionError) or not isinstance(cause, OSError)


def _proxy_for(url: str) -> Proxy | None:
    """Return the proxy that the environment names for `url`, if any."""
    from urllib.request import proxy_bypass  # noqa: PLC0415 - slow, for errors alone

    parts = urlsplit(url)
    if proxy_bypass(parts.hostname or ""):
        return None
    return next(_proxies(parts.scheme, "all"), None)


def _proxies(*schemes: str) -> Iterator[Proxy]:
    for name in (f"{scheme}_proxy" for scheme in schemes):
        for variable in (name, name.upper()):
            if value := os.environ.get(variable):
                yield Proxy(variable, value)


def _is_called(error: BaseException, name: str) -> bool:
    """Tell whether a class of this name is among those of an error."""
    return any(kind.__name__ == name for kind in type(error).__mro__)


def _unusable_certificates() -> Obstacle | None:
    """Return what is wrong with the file of certificates, which a client always reads.

    The client's own error does not say which file is missing.
    """
    named = os.environ.get(CERTIFICATES)
    if not named:
        return None
    try:
        ssl.create_default_context(cafile=named)
    except ssl.SSLError:
        reason = f"{CERTIFICATES} names {named}, which holds no certificates"
    except OSError as error:
        reason = f"{CERTIFICATES} names {named}: {str(error.strerror).lower()}"
    else:
        return None
    return Obstacle(reason, f"unset {CERTIFICATES}, or let it name a file of certificates")


def _unusable_proxy(error: BaseException) -> Obstacle | None:
    """Return what is wrong with a proxy, for any address: a client prepares all of them."""
    for proxy in _proxies("http", "https", "all"):
        if not proxy.is_usable:
            hint = f"let {proxy.variable} be like http://HOST:PORT or socks5://HOST:PORT"
            return Obstacle(f"{proxy} is none that can be used", f"{hint}, or unset it")
        if "socksio" in str(error) and proxy.value.startswith("socks"):
            hint = f"install it, `pip install socksio`, or unset {proxy.variable}"
            return Obstacle(f"{proxy} takes the package socksio, which is missing", hint)
    return None


def _refusal_by_proxy(error: BaseException, url: str, proxy: Proxy | None) -> Obstacle | None:
    if proxy is None or not _is_called(error, "ProxyError"):
        return None
    return _refusal(str(error).strip().rstrip("."), url, proxy)


def _refusal(said: str, url: str, proxy: Proxy) -> Obstacle:
    """Return what a proxy that refuses has said: a status, or a sentence of the client about it."""
    wants_password = said.startswith(str(NEEDS_PASSWORD)) or "USERNAME/PASSWORD" in said.upper()
    if wants_password:
        hint = f"let {proxy.variable} hold them: http://NAME:PASSWORD@HOST:PORT"
        return Obstacle(f"{proxy} wants a name and a password that fit ({said})", hint)
    host = urlsplit(url).hostname
    hint = f"does {host} run? If the proxy is in the way, pass it by: NO_PROXY={host}"
    return Obstacle(f"{proxy} does not let it through ({said})", hint, temporary=said[:1] == "5")


def _untrusted(cause: BaseException) -> Obstacle | None:
    """Return what is wrong with the certificate of whoever answers, or that it shows none."""
    if isinstance(cause, ssl.SSLCertVerificationError):
        reason = f"its certificate is not trusted: {cause.verify_message.rstrip('.')}"
        return Obstacle(reason, _certificate_hint(cause.verify_code))
    if isinstance(cause, ssl.SSLError) and cause.reason in NO_TLS:
        return Obstacle("what answers there does not speak https", "is it an http:// address?")
    return None


def _certificate_hint(code: int) -> str:
    if code in EXPIRED:
        return "is the clock of this machine right? Then it has to be renewed over there"
    if code in OTHER_HOST:
        return "it is that of another host: is the address right, or does a proxy answer for it?"
    theirs = next((name for name in OTHERS_CERTIFICATES if os.environ.get(name)), None)
    if theirs and not os.environ.get(CERTIFICATES):
        return f"{theirs} is for other programs: let {CERTIFICATES} name that file, too"
    folder = os.environ.get(CERTIFICATES_FOLDER)
    if folder and not Path(folder).is_dir():
        return f"{CERTIFICATES_FOLDER} names {folder}, which is no folder: unset it"
    return f"if your organisation signs certificates, let {CERTIFICATES} name the file of its own"


def _unreachable(error: BaseException, url: str, proxy: Proxy | None) -> Obstacle | None:
    """Return why nothing was reached; None if all that is known is that nothing answers."""
    if not _is_called(error, "TransportError"):
        return None
    cause = system_error(error)
    reason = getattr(cause, "strerror", None) or str(error)
    if isinstance(cause, PermissionError):
        return Obstacle(reason, "a firewall or a sandbox on this machine forbids it: see to that")
    if isinstance(cause, OSError) and cause.errno in NO_WAY:
        return Obstacle(reason, "is this machine on the network, and in the VPN if it takes one?")
    if proxy is not None:
        hint = f"the way there is by {proxy}: does it run? If not, unset {proxy.variable}"
        return Obstacle(reason, hint, may_pass(error))
    if isinstance(cause, socket.gaierror):
        host = urlsplit(url).hostname
        hint = f"see that this machine is on the network, and that {host} is the right name"
        return Obstacle(reason, hint)
    return None
