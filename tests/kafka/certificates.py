"""Authorities and what they sign, made by openssl for one test run."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from monitor.errors import UserError

CONFIG = """
[req]
distinguished_name = name
prompt = no
[name]
CN = {name}
[authority]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[signed]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = {alternative}
"""


@dataclass(frozen=True, slots=True)
class Signed:
    """A certificate and its key, two PEM files."""

    certificate: Path
    key: Path

    def together(self) -> Path:
        """One file with both, the key first, as Kafka's PEM keystores want them."""
        both = self.key.with_suffix(".both")
        both.write_text(self.key.read_text() + self.certificate.read_text())
        return both


@dataclass(frozen=True, slots=True)
class Authority:
    """Signs certificates. Its own is the file that clients trust."""

    folder: Path
    name: str

    @property
    def certificate(self) -> Path:
        return self.folder / f"{self.name}.pem"

    def sign(self, name: str, alternative: str) -> Signed:
        """A certificate for these alternative names, IP:127.0.0.1 or DNS:kafka."""
        issuer = ["-CA", str(self.certificate), "-CAkey", str(self.folder / f"{self.name}.key")]
        return _make(self.folder, name, alternative, "signed", issuer)


def authority(folder: Path, name: str) -> Authority:
    """A new one that signs itself. UserError without openssl."""
    _make(folder, name, "DNS:authority", "authority", [])
    return Authority(folder, name)


def _make(folder: Path, name: str, alternative: str, extensions: str, issuer: list[str]) -> Signed:
    if shutil.which("openssl") is None:
        raise UserError("install openssl, which makes the certificates")
    made = Signed(folder / f"{name}.pem", folder / f"{name}.key")
    config = folder / f"{name}.cnf"
    config.write_text(CONFIG.format(name=name, alternative=alternative))
    command = ["openssl", "req", "-x509", "-config", str(config), "-extensions", extensions, "-days", "2", "-nodes"]
    command += ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", *issuer]
    command += ["-keyout", str(made.key), "-out", str(made.certificate)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode:
        raise UserError(f"openssl made no certificate: {done.stderr.strip()[-300:]}")
    return made
