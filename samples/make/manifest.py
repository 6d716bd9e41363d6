"""Judges the finished samples with tools that we did not write and writes down what they said.

A sample whose verdict is not the intended one stops the making: the manifest is exact or there is none.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path

import openssl_tools
import pdf_tools
from catalogue import ALTERED, EXPIRED, REVOKED, SAMPLES, UNPARSABLE, VALID, Sample

DSS, BOUNCY_CASTLE = '6.4', '1.83'  # as pom.xml brings them

# Verdicts of EU DSS in the terms of ETSI EN 319 102-1 §5, as of the day of making.
VERDICTS = {
    VALID: ('TOTAL-PASSED', None),
    EXPIRED: ('INDETERMINATE', 'OUT_OF_BOUNDS_NOT_REVOKED'),
    REVOKED: ('INDETERMINATE', 'REVOKED_NO_POE'),
    ALTERED: ('TOTAL-FAILED', 'HASH_FAILURE'),
}
WEAK_VERDICT = ('INDETERMINATE', 'CRYPTO_CONSTRAINTS_FAILURE_NO_POE')

ROLES = {'.p7s': 'signature', '.tsr': 'timestamp', '.ers': 'evidence-record', '.retention.json': 'retention-sidecar',
         '.meta.json': 'metadata-sidecar'}


def tool_name(sample: Sample) -> str:
    if sample.tool == 'pyhanko':
        return f'pyHanko {pdf_tools.version()}'
    if sample.tool == 'openssl':
        return f'OpenSSL {openssl_tools.version()}'
    if sample.tool == 'dss':
        return f'Bouncy Castle {BOUNCY_CASTLE}' if sample.beside else f'EU DSS {DSS}'
    return 'none'


def parts(documents: Path, sample: Sample) -> list[dict[str, str]]:
    found = []
    for suffix, role in ROLES.items():
        file = documents / (sample.key + suffix)
        if file.exists():
            found.append({'file': sample.key + suffix, 'role': role, 'sha256': digest(file)})
    return found


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def subject(documents: Path, sample: Sample) -> list[Path]:
    """What a verifier reads: a signature, token or record beside the document comes first, the document with it."""
    file = documents / sample.key
    for suffix in ('.p7s', '.tsr', '.ers'):
        beside = documents / (sample.key + suffix)
        if beside.exists():
            return [beside, file]
    return [file]


def case(pki: Path, documents: Path, sample: Sample) -> list[Path]:
    """The same for EU DSS, which reads bare tokens but no responses."""
    files = subject(documents, sample)
    if 'tsr' in sample.beside:
        bare = documents.parent / 'bare.tst'
        openssl_tools.token(pki, files[0], bare)
        files[0] = bare
    return files


def rows_by_file(printed: str) -> dict[str, list[list[str]]]:
    found: dict[str, list[list[str]]] = {}
    for line in printed.splitlines():
        file, *cells = line.split('\t')
        found.setdefault(file, []).append([None if cell == '-' else cell for cell in cells])
    return found


def signature(row: list[str]) -> dict[str, object]:
    return {'level': row[1], 'indication': row[2].replace('_', '-'), 'subIndication': row[3], 'signingTime': row[4], 'signer': row[5],
            'signerNotAfter': row[6], 'valueIntact': row[7] == 'true', 'contentIntact': row[8] == 'true', 'algorithms': row[9]}


def timestamp(row: list[str]) -> dict[str, object]:
    return {'type': row[1], 'indication': row[2].replace('_', '-'), 'subIndication': row[3], 'genTime': row[4], 'tsu': row[5], 'tsuNotAfter': row[6],
            'signatureIntact': row[7] == 'true', 'imprintIntact': row[8] == 'true'}


def others(pki: Path, documents: Path, sample: Sample) -> dict[str, object]:
    """A second opinion where there is one: OpenSSL on CMS and tokens, pyHanko on PDF."""
    files = subject(documents, sample)
    if sample.format.startswith('cades'):
        return {'openssl': openssl_tools.verify_cms(pki, files[0], files[1] if len(files) > 1 else None)}
    if 'tsr' in sample.beside:
        return {'openssl': openssl_tools.verify_reply(pki, files[0], files[1])}
    if sample.format == 'pdf' and sample.expected != UNPARSABLE:
        return {'pyhanko': pdf_tools.verify(pki, files[0])}
    return {}


def confirm(sample: Sample, signatures: list[dict[str, object]], timestamps: list[dict[str, object]]) -> None:
    wanted = WEAK_VERDICT if sample.weak else VERDICTS.get(sample.expected)
    verdicts = {(s['indication'], s['subIndication']) for s in signatures}
    if wanted is not None and (verdicts != {wanted} or len(signatures) != len(sample.signers)):
        raise RuntimeError(f'{sample.key}: wanted {wanted}, the judge says {verdicts}')
    if wanted is None and signatures:
        raise RuntimeError(f'{sample.key}: no signature was wanted')
    if not all(t['signatureIntact'] and t['imprintIntact'] for t in timestamps):
        raise RuntimeError(f'{sample.key}: a timestamp does not fit')


def entry(pki: Path, documents: Path, sample: Sample, said: list[list[str]]) -> dict[str, object]:
    signatures = [signature(row) for row in said if row[0] == 'signature']
    timestamps = [timestamp(row) for row in said if row[0] == 'timestamp']
    errors = [row[1] for row in said if row[0] == 'error']
    confirm(sample, signatures, timestamps)
    start = sample.retention.start
    if sample.retention.way == 'signing-time':
        start = min(str(s['signingTime']) for s in signatures)
    return {
        'file': sample.key,
        'sha256': digest(documents / sample.key),
        'format': sample.format,
        'madeWith': tool_name(sample),
        'expected': sample.expected,
        'weakAlgorithms': list(sample.weak),
        'signerNotAfter': min((str(s['signerNotAfter']) for s in signatures), default=None),
        'retention': {'way': sample.retention.way, 'rule': sample.retention.rule, 'start': start},
        'parts': parts(documents, sample),
        'signatures': signatures,
        'timestamps': timestamps,
        'evidenceRecords': [{'type': row[1], 'dataIntact': row[4] == 'true'} for row in said if row[0] == 'evidence-record'],
        'said': {**({'dss': errors[0]} if errors else {}), **others(pki, documents, sample)},
    }


def build(pki: Path, documents: Path, judge: Callable[[list[str]], str]) -> list[dict[str, object]]:
    cases = [case(pki, documents, sample) for sample in SAMPLES]
    rows = rows_by_file(judge(['\t'.join(map(str, files)) for files in cases]))
    entries = [entry(pki, documents, sample, rows.get(str(files[0]), [])) for sample, files in zip(SAMPLES, cases, strict=True)]
    known = {str(e['file']) for e in entries} | {part['file'] for s in SAMPLES for part in parts(documents, s)}
    placed = {str(path.relative_to(documents)) for path in documents.rglob('*') if path.is_file()}
    if known != placed:
        raise RuntimeError(f'not in the manifest, or not placed: {known ^ placed}')
    return entries
