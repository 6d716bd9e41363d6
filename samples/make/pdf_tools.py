"""Signing and checking PDFs with pyHanko; its timestamps come from OpenSSL."""

import logging
import tempfile
from contextlib import nullcontext
from importlib.metadata import version as installed
from io import BytesIO
from pathlib import Path

from asn1crypto import crl, pem, tsp, x509
from freezegun import freeze_time
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import signers
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko.sign.timestamps import TimeStamper
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.registry import SimpleCertificateStore

import openssl_tools

# Both report refused signatures as stack traces; what counts is the summary that they return.
for name in ('pyhanko', 'pyhanko_certvalidator'):
    logging.getLogger(name).setLevel(logging.CRITICAL)


def version() -> str:
    return installed('pyHanko')


def certificate(path: Path) -> x509.Certificate:
    return x509.Certificate.load(pem.unarmor(path.read_bytes())[2])


def context(pki: Path) -> ValidationContext:
    """The root as the only anchor, both CRLs, no network."""
    return ValidationContext(
        trust_roots=[certificate(pki / 'root.pem')], other_certs=[certificate(pki / 'issuing.pem')],
        crls=[crl.CertificateList.load((pki / f'{ca}.crl').read_bytes()) for ca in ('root', 'issuing')],
        allow_fetching=False, revocation_mode='hard-fail')


class OpensslTsa(TimeStamper):
    """RFC 3161 tokens by `openssl ts -reply`."""

    def __init__(self, pki: Path) -> None:
        super().__init__()
        self.pki = pki

    async def async_request_tsa_response(self, req: tsp.TimeStampReq) -> tsp.TimeStampResp:
        with tempfile.TemporaryDirectory() as folder:
            request, response = Path(folder, 'request.tsq'), Path(folder, 'response.tsr')
            request.write_bytes(req.dump())
            openssl_tools.reply(self.pki, request, response)
            return tsp.TimeStampResp.load(response.read_bytes())


def sign(pki: Path, names: tuple[str, ...], level: str, at: str | None, content: bytes) -> bytes:
    """One signature for each name, each an incremental update over the one before (ISO 32000-2 §12.8)."""
    old = level == 'adbe'
    data = content
    with freeze_time(at) if at else nullcontext():
        for number, name in enumerate(names, 1):
            signer = signers.SimpleSigner.load(
                str(pki / f'{name}.key'), str(pki / f'{name}.pem'), ca_chain_files=[str(pki / 'issuing.pem')])
            metadata = signers.PdfSignatureMetadata(
                field_name=f'Signature{number}', md_algorithm='sha1' if old else 'sha256',
                subfilter=SigSeedSubFilter.ADOBE_PKCS7_DETACHED if old else SigSeedSubFilter.PADES,
                embed_validation_info=level == 'LTA', use_pades_lta=level == 'LTA',
                validation_context=context(pki) if level == 'LTA' else None)
            out = signers.PdfSigner(metadata, signer, timestamper=OpensslTsa(pki) if level == 'LTA' else None).sign_pdf(
                IncrementalPdfFileWriter(BytesIO(data)))
            data = out.getvalue()
    return data


def verify(pki: Path, file: Path) -> list[str]:
    """For each signature what pyHanko says: intact, valid, trusted, or what is missing."""
    answers = []
    with file.open('rb') as stream:
        for embedded in PdfFileReader(stream).embedded_regular_signatures:
            status = validate_pdf_signature(embedded, context(pki))
            answers.append(status.summary())
    return answers
