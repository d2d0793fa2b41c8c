"""What is in the way to another machine, met by real clients on loopback."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address
from pathlib import Path
from threading import Thread

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from rapid_cli.machine.network import Obstacle, answer_of_proxy, may_pass, obstacle
from tests.support import proxies
from tests.support.chroma_servers import free_port

FAR = "https://far.example"


@pytest.fixture(params=["httpx", "httpx2"])
def client(request: pytest.FixtureRequest):
    """A client that rapid or a library of its uses."""
    return pytest.importorskip(request.param)


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away the proxies and certificates of the machine that tests."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


def met(client, url: str, *, direct: bool = False) -> Obstacle | None:
    """Return what is told of a request that must fail."""
    with pytest.raises(Exception) as caught:
        client.get(url, timeout=2)
    return obstacle(caught.value, url, direct=direct)


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("gone.pem", "gone.pem: no such file or directory"),
        ("text.pem", "text.pem, which holds no certificates"),
        (".", ": is a directory"),
    ],
)
@pytest.mark.parametrize("url", [FAR, "http://127.0.0.1:9"])
def test_certificates_that_cannot_be_used_are_named(
    client, monkeypatch, tmp_path, named, said, url
) -> None:
    (tmp_path / "text.pem").write_text("no certificate")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / named))
    found = met(client, url)
    assert found is not None
    assert found.reason.startswith(f"SSL_CERT_FILE names {tmp_path}")
    assert found.reason.endswith(said)
    assert "unset SSL_CERT_FILE" in found.hint
    assert not found.temporary


@pytest.mark.parametrize(
    "value", ["socks4://127.0.0.1:9", "http://127.0.0.1:port", "http://:8080", "http://[half"]
)
@pytest.mark.parametrize("variable", ["HTTP_PROXY", "https_proxy", "ALL_PROXY"])
def test_a_proxy_that_is_none_is_named_on_whatever_way(
    client, monkeypatch, value, variable
) -> None:
    monkeypatch.setenv(variable, value)
    found = met(client, FAR)
    assert found is not None
    assert found.reason == f"the proxy {value} of {variable} is none that can be used"
    assert f"let {variable} be like http://HOST:PORT" in found.hint


@pytest.mark.parametrize("scheme", ["http", "socks5"])
def test_a_proxy_that_does_not_answer_is_named_without_its_password(
    client, monkeypatch, scheme
) -> None:
    port = free_port()
    monkeypatch.setenv("ALL_PROXY", f"{scheme}://name:secret@127.0.0.1:{port}")
    found = met(client, FAR)
    assert found is not None
    assert found.reason == "Connection refused"
    assert f"127.0.0.1:{port} of ALL_PROXY: does it run?" in found.hint
    assert "secret" not in found.reason + found.hint
    assert not found.temporary


@pytest.mark.slow
@pytest.mark.parametrize(
    ("status", "said", "helps", "temporary"),
    [
        (407, "wants a name and a password that fit (407", "NAME:PASSWORD@HOST", False),
        (403, "does not let it through (403", "NO_PROXY=far.example", False),
        (502, "does not let it through (502", "does far.example run?", True),
    ],
)
def test_a_proxy_that_refuses_is_told_with_what_it_says(
    client, monkeypatch, status, said, helps, temporary
) -> None:
    with proxies.refusing(status) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        found = met(client, FAR)
        monkeypatch.setenv("HTTP_PROXY", proxy)
        url = FAR.replace("https:", "http:")
        answered = answer_of_proxy(client.get(url).status_code, url)
    assert found is not None
    assert found.reason.startswith(f"the proxy {proxy} of HTTPS_PROXY {said}")
    assert helps in found.hint
    assert found.temporary == temporary
    if status != 403:  # which may be the server's own
        assert answered is not None
        assert answered.reason.startswith(f"the proxy {proxy} of HTTP_PROXY {said}")
        assert answered.hint.replace("HTTP_", "HTTPS_") == found.hint


def test_a_socks_proxy_that_refuses_is_told_with_what_it_says(client, monkeypatch) -> None:
    with proxies.relaying(None) as (proxy, asked):
        monkeypatch.setenv("ALL_PROXY", proxy)
        found = met(client, FAR)
    assert asked == ["far.example:443"]
    assert found is not None
    assert "does not let it through (Proxy Server could not connect" in found.reason


def test_proxies_that_were_passed_by_are_not_blamed(client, monkeypatch) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert met(client, url) is None, "all that is known is that nobody answers"
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("HTTP_PROXY", "socks4://127.0.0.1:9")
    assert met(client, url, direct=True) is None


def test_a_host_that_nobody_knows_is_named(client) -> None:
    found = met(client, "https://nowhere.invalid")
    assert found is not None
    assert "nowhere.invalid is the right name" in found.hint


@pytest.mark.parametrize(
    ("number", "helps"), [(errno.EACCES, "firewall"), (errno.ENETUNREACH, "VPN")]
)
def test_what_the_system_says_of_the_way_is_told(client, monkeypatch, number, helps) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, "what the system says")

    monkeypatch.setattr(socket, "create_connection", refuse)
    found = met(client, "http://127.0.0.1:9")
    assert found is not None
    assert found.reason == "what the system says"
    assert helps in found.hint


def test_a_server_that_speaks_no_tls_is_told(client) -> None:
    with web_server() as port:
        found = met(client, f"https://127.0.0.1:{port}")
    assert found is not None
    assert found.reason == "what answers there does not speak https"


@pytest.mark.parametrize(
    ("host", "days", "trusted", "said", "helps"),
    [
        ("127.0.0.1", 9, False, "self-signed certificate", "let SSL_CERT_FILE name the file"),
        ("127.0.0.1", -9, True, "certificate has expired", "is the clock of this machine right?"),
        ("127.0.0.2", 9, True, "IP address mismatch", "is the address right"),
    ],
)
def test_a_certificate_that_is_not_trusted_is_told_with_the_reason(
    client, monkeypatch, tmp_path, host, days, trusted, said, helps
) -> None:
    certificate = sign(tmp_path, host, days)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with web_server(certificate) as port:
        found = met(client, f"https://127.0.0.1:{port}")
    assert found is not None
    assert found.reason.startswith("its certificate is not trusted: ")
    assert said in found.reason
    assert helps in found.hint


def test_where_certificates_are_looked_for_in_vain_is_told(client, monkeypatch, tmp_path) -> None:
    certificate = sign(tmp_path, "127.0.0.1", 9)
    with web_server(certificate) as port:
        monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "gone"))
        found = met(client, f"https://127.0.0.1:{port}")
        assert found is not None
        assert f"SSL_CERT_DIR names {tmp_path / 'gone'}, which is no folder" in found.hint
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
        found = met(client, f"https://127.0.0.1:{port}")
        assert found is not None
        assert "REQUESTS_CA_BUNDLE is for other programs: let SSL_CERT_FILE name" in found.hint
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert client.get(f"https://127.0.0.1:{port}").status_code == 204


def test_another_try_is_only_for_what_may_pass() -> None:
    assert may_pass(httpx.ReadTimeout("timed out"))
    assert may_pass(ConnectionResetError(104, "Connection reset by peer"))
    assert not may_pass(ConnectionRefusedError(111, "Connection refused"))
    assert not may_pass(socket.gaierror(-2, "Name or service not known"))


def sign(folder: Path, host: str, days: int) -> Path:
    """Return a file with a key, and a certificate for a host that is good for so many days."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "rapid tests")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=99))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(host))]), False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path


@contextmanager
def web_server(certificate: Path | None = None) -> Iterator[int]:
    """Run a server, of https with a certificate; the value is its port."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    class Quiet(HTTPServer):
        def handle_error(self, *_: object) -> None:
            pass

    with Quiet(("127.0.0.1", 0), Answer) as server:
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
