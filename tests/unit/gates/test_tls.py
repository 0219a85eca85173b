"""A server is spoken to under TLS only where its certificate is trusted, and the line says so."""

import ipaddress
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.conftest import Cli
from tests.loopback import listening
from tests.unit.gates.conftest import Stub, handler

from tidegate.gates.client import Endpoint
from tidegate.gates.wire import open_loop, payload


def self_signed() -> bytes:
    """A key and a certificate for 127.0.0.1 that nobody but its holder has signed, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "stub")])
    today = datetime.now(UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)


@dataclass(frozen=True)
class Tls:
    """A server under TLS and the file with its certificate."""

    port: int
    certificate: Path

    def url(self, host: str = "127.0.0.1") -> str:
        """Its address under a name."""
        return f"https://{host}:{self.port}"


@pytest.fixture
def tls(tmp_path: Path) -> Iterator[Tls]:
    """A stub with a self-signed certificate."""
    pem = tmp_path / "server.pem"
    pem.write_bytes(self_signed())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with listening(handler(Stub(model="tiny-chat")), context) as port:
        yield Tls(port, pem)


@pytest.mark.parametrize(
    ("host", "trusted", "said"),
    [
        ("127.0.0.1", False, "self-signed certificate"),
        ("localhost", True, "certificate is not valid for 'localhost'"),
    ],
)
def test_a_certificate_that_is_not_trusted_is_one_line_and_exit_two(
    tls: Tls,
    cli: Cli,
    small: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    host: str,
    trusted: bool,
    said: str,
) -> None:
    """Neither of an unknown issuer nor for another host; the line names the way out."""
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(tls.certificate))
    ran = cli("gate", "run", "--model", "tiny-chat", "--root", small, "--url", tls.url(host))

    assert ran.code == 2
    (line,) = ran.err.splitlines()
    assert f"{tls.url(host)}: certificate: is not trusted; wanted" in line
    assert said in line
    assert "SSL_CERT_FILE" in line


def test_an_issuer_that_was_named_is_trusted_by_questions_and_load_alike(
    tls: Tls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both read SSL_CERT_FILE."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tls.certificate))
    with Endpoint(tls.url(), "tiny-chat") as endpoint:
        assert endpoint.first_model() == "tiny-chat"
    data = payload(tls.url(), "/v1/models", b"", None)
    _, (exchange,) = uvloop.run(open_loop(tls.url(), [0.0], [data], patience=30, warm=0))

    assert (exchange.status, exchange.fault) == (200, None)
