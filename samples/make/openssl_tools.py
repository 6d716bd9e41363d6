"""Signing, stamping and checking with the OpenSSL command."""

import os
import subprocess
from pathlib import Path

HERE = Path(__file__).parent


def run(arguments: list[str], pki: Path, check: bool = True) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, 'PKI_DIR': str(pki), 'LC_ALL': 'C.UTF-8'}
    done = subprocess.run(['openssl', *arguments], env=environment, capture_output=True)
    if check and done.returncode != 0:
        raise RuntimeError(f'openssl {arguments[0]}: {done.stderr.decode()}')
    return done


def version() -> str:
    return subprocess.run(['openssl', 'version'], capture_output=True, check=True, text=True).stdout.split()[1]


def sign_cms(pki: Path, signer: str, content: Path, out: Path, detached: bool, stream: bool) -> None:
    """CAdES (CMS with signing-certificate-v2); `stream` gives BER with indefinite lengths as mail software writes it."""
    shape = [] if detached else ['-nodetach']
    run(['cms', '-sign', '-cades', '-binary', *shape, *(['-stream'] if stream else []), '-outform', 'DER', '-md', 'sha256',
         '-signer', str(pki / f'{signer}.pem'), '-inkey', str(pki / f'{signer}.key'), '-certfile', str(pki / 'issuing.pem'),
         '-in', str(content), '-out', str(out)], pki)


def verify_cms(pki: Path, signature: Path, content: Path | None) -> str:
    """'verified', or the reason that OpenSSL gives."""
    beside = [] if content is None else ['-content', str(content)]
    done = run(['cms', '-verify', '-cades', '-binary', '-inform', 'DER', '-in', str(signature), *beside, '-purpose', 'any',
                '-CAfile', str(pki / 'anchor-and-crls.pem'), '-crl_check_all', '-out', os.devnull], pki, check=False)
    return reason(done)


def query(pki: Path, content: Path, out: Path) -> None:
    run(['ts', '-query', '-data', str(content), '-sha256', '-cert', '-out', str(out)], pki)


def reply(pki: Path, request: Path, out: Path) -> None:
    """A TimeStampResp of RFC 3161 by the sample TSU."""
    serial = pki / 'tsa.serial'
    if not serial.exists():
        serial.write_text('01\n')
    run(['ts', '-reply', '-config', str(HERE / 'openssl.cnf'), '-queryfile', str(request), '-out', str(out)], pki)


def verify_reply(pki: Path, response: Path, content: Path) -> str:
    done = run(['ts', '-verify', '-data', str(content), '-in', str(response), '-CAfile', str(pki / 'root.pem'),
                '-untrusted', str(pki / 'issuing.pem')], pki, check=False)
    return reason(done)


def token(pki: Path, response: Path, out: Path) -> None:
    """The bare TimeStampToken of a response, which is what EU DSS reads."""
    run(['ts', '-reply', '-config', str(HERE / 'openssl.cnf'), '-in', str(response), '-token_out', '-out', str(out)], pki)


def reason(done: subprocess.CompletedProcess[bytes]) -> str:
    """The first error of OpenSSL's queue: code:error:number:library:function:reason:file:line:data."""
    if done.returncode == 0:
        return 'verified'
    errors = [line.split(':', 8) for line in done.stderr.decode().splitlines() if ':error:' in line]
    if not errors:
        return done.stderr.decode().strip()
    first = errors[0]
    return (first[8].removeprefix('Verify error:').strip() if len(first) > 8 else '') or first[5]
