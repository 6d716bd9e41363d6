"""The table of samples: every document, how it is made and signed, and how its retention starts.

Everything else in this folder reads it; manifest.json is this table plus what was found in the finished files.
"""

from dataclasses import dataclass

VALID, EXPIRED, REVOKED, ALTERED = 'valid', 'signer-expired', 'signer-revoked', 'altered'
UNSIGNED, UNPARSABLE = 'unsigned', 'unparsable'

# Signing times that signers claim; OpenSSL's `cms` knows no option for it and takes the time of making.
IN_2026, WHILE_VALID, AFTER_REVOCATION = '2026-06-15T01:30:00Z', '2024-10-02T01:30:00Z', '2026-06-16T05:00:00Z'


@dataclass(frozen=True)
class Retention:
    way: str  # sidecar | tag | metadata | key | signing-time | modified-time | manual | none
    rule: str | None = None
    start: str | None = None


@dataclass(frozen=True)
class Sample:
    key: str  # path below documents/
    content: str  # which text of content.py
    format: str
    tool: str  # openssl | pyhanko | dss | files
    expected: str
    retention: Retention
    signers: tuple[str, ...] = ()
    level: str = 'B'
    at: str | None = IN_2026
    alter: tuple[bytes, bytes] | None = None  # one octet of the signed content, changed after signing
    weak: tuple[str, ...] = ()
    stream: bool = False  # BER with indefinite lengths
    beside: tuple[str, ...] = ()  # tsr | ers beside the document


def sidecar(rule: str, start: str) -> Retention:
    return Retention('sidecar', rule, start)


RECORD, CLINICAL = 'jp-medical-record', 'jp-hospital-clinical-records'
PRESCRIPTION, FINDING = 'jp-prescription-dispensed', 'jp-insurance-other-records'
CONTRACT, BIOLOGICAL = 'jp-companies-act-books', 'jp-specified-biological-product-use'
ASBESTOS, XRAY = 'jp-health-check-asbestos', 'jp-xray-film'
BY_SIGNING_TIME = Retention('signing-time', FINDING)
NO_RETENTION = Retention('none')


def by_key(rule: str, start: str) -> Retention:
    return Retention('key', rule, start)


RSA, EC = ('signer-valid-rsa',), ('signer-valid-ec',)
GONE, LOST = ('signer-expired',), ('signer-revoked',)

SAMPLES = (
    # PDF
    Sample('診療録/2026-000101 外来診療録.pdf', 'chart', 'pdf', 'pyhanko', VALID, sidecar(RECORD, '2026-06-12'), RSA),
    Sample('診療録/2026-000102 退院サマリー_長期検証.pdf', 'discharge', 'pdf', 'pyhanko', VALID,
           sidecar(RECORD, '2026-06-14'), EC, level='LTA', at=None),
    Sample('診療録/2024-000087 退院サマリー_署名者期限切れ.pdf', 'discharge', 'pdf', 'pyhanko', EXPIRED,
           sidecar(RECORD, '2024-10-01'), GONE, at=WHILE_VALID),
    Sample('診療録/2026-000103 紹介状_署名者失効.pdf', 'referral', 'pdf', 'pyhanko', REVOKED,
           sidecar(RECORD, '2026-06-16'), LOST, at=AFTER_REVOCATION),
    Sample('診療録/2026-000104 経過記録_改変.pdf', 'chart', 'pdf', 'pyhanko', ALTERED, sidecar(RECORD, '2026-06-15'),
           RSA, alter=(b'Dose: 5 mg', b'Dose: 9 mg')),
    Sample('診療録/2009-000012 旧システム診療録_SHA-1.pdf', 'old-chart', 'pdf', 'pyhanko', VALID,
           sidecar(RECORD, '2009-06-30'), ('signer-weak',), level='adbe', at='2009-06-30T03:00:00Z',
           weak=('SHA-1', 'RSA-1024')),
    Sample('同意書/手術同意書 見本.pdf', 'consent', 'pdf', 'pyhanko', VALID, Retention('tag', CLINICAL, '2026-06-15'),
           RSA + EC),
    # ASiC-E with XAdES
    Sample('同意書/検査同意書一式.asice', 'consent-set', 'asic-e-xades', 'dss', VALID,
           Retention('metadata', CLINICAL, '2026-06-15'), EC),
    Sample('同意書/検査同意書一式_署名者期限切れ.asice', 'consent-set', 'asic-e-xades', 'dss', EXPIRED,
           Retention('tag', CLINICAL, '2024-10-02'), GONE, at=WHILE_VALID),
    Sample('同意書/検査同意書一式_署名者失効.asice', 'consent-set', 'asic-e-xades', 'dss', REVOKED,
           Retention('tag', CLINICAL, '2026-06-16'), LOST, at=AFTER_REVOCATION),
    Sample('同意書/検査同意書一式_改変.asice', 'consent-set', 'asic-e-xades', 'dss', ALTERED,
           Retention('tag', CLINICAL, '2026-06-15'), EC, alter=(b'Form: 5', b'Form: 9')),
    # XAdES
    Sample('処方箋/2026-04-01_0001.xml', 'prescription', 'xades-enveloped', 'dss', VALID,
           by_key(PRESCRIPTION, '2026-04-01'), EC, at='2026-04-01T02:15:00Z'),
    Sample('処方箋/2024-10-02_0002_署名者期限切れ.xml', 'prescription', 'xades-enveloped', 'dss', EXPIRED,
           by_key(PRESCRIPTION, '2024-10-02'), GONE, at=WHILE_VALID),
    Sample('処方箋/2026-06-16_0003_署名者失効.xml', 'prescription', 'xades-enveloped', 'dss', REVOKED,
           by_key(PRESCRIPTION, '2026-06-16'), LOST, at=AFTER_REVOCATION),
    Sample('処方箋/2026-06-15_0004_改変.xml', 'prescription', 'xades-enveloped', 'dss', ALTERED,
           by_key(PRESCRIPTION, '2026-06-15'), RSA, alter=(b'<days>14</days>', b'<days>94</days>')),
    Sample('処方箋/2026-06-15_0005_enveloping.xml', 'prescription', 'xades-enveloping', 'dss', VALID,
           by_key(PRESCRIPTION, '2026-06-15'), RSA, level='T', at=None),
    # CAdES, content inside
    Sample('検査/blood test 2026-06.p7m', 'findings', 'cades-attached', 'openssl', VALID, BY_SIGNING_TIME, EC, at=None),
    Sample('検査/心電図所見_署名者期限切れ.p7m', 'findings', 'cades-attached', 'dss', EXPIRED, BY_SIGNING_TIME, GONE,
           at=WHILE_VALID),
    Sample('検査/病理報告_署名者失効.p7m', 'findings', 'cades-attached', 'openssl', REVOKED, BY_SIGNING_TIME, LOST, at=None),
    Sample('検査/X線所見_改変.p7m', 'findings', 'cades-attached', 'openssl', ALTERED, BY_SIGNING_TIME, RSA, at=None,
           alter=(b'Result: 5.6', b'Result: 9.6')),
    Sample('検査/生化学検査 BER.p7m', 'findings', 'cades-attached', 'openssl', VALID, BY_SIGNING_TIME, RSA, at=None,
           stream=True),
    Sample('検査/細菌検査_タイムスタンプ付.p7m', 'findings', 'cades-attached', 'dss', VALID, BY_SIGNING_TIME, RSA, level='T',
           at=None),
    # CAdES, signature beside the document
    Sample('契約/service agreement 2026.pdf', 'agreement-pdf', 'cades-detached', 'openssl', VALID,
           Retention('manual', CONTRACT, '2026-04-01'), RSA, at=None),
    Sample('契約/保守契約_署名者期限切れ.txt', 'agreement', 'cades-detached', 'dss', EXPIRED,
           Retention('manual', CONTRACT, '2024-10-01'), GONE, at=WHILE_VALID),
    Sample('契約/委託契約_署名者失効.txt', 'agreement', 'cades-detached', 'openssl', REVOKED,
           Retention('manual', CONTRACT, '2026-06-01'), LOST, at=None),
    Sample('契約/賃貸借契約_改変.txt', 'agreement', 'cades-detached', 'openssl', ALTERED,
           Retention('manual', CONTRACT, '2026-06-01'), EC, at=None, alter=(b'Amount: 100000', b'Amount: 900000')),
    # ASiC-S with CAdES, and one with XAdES
    Sample('特定生物由来製品/アルブミン使用記録 2026-06.asics', 'product-use', 'asic-s-cades', 'dss', VALID,
           sidecar(BIOLOGICAL, '2026-06-10'), RSA),
    Sample('特定生物由来製品/使用記録_署名者期限切れ.asics', 'product-use', 'asic-s-cades', 'dss', EXPIRED,
           sidecar(BIOLOGICAL, '2024-09-30'), GONE, at=WHILE_VALID),
    Sample('特定生物由来製品/使用記録_署名者失効.asics', 'product-use', 'asic-s-cades', 'dss', REVOKED,
           sidecar(BIOLOGICAL, '2026-06-11'), LOST, at=AFTER_REVOCATION),
    Sample('特定生物由来製品/使用記録_改変.asics', 'product-use', 'asic-s-cades', 'dss', ALTERED,
           sidecar(BIOLOGICAL, '2026-06-12'), RSA, alter=(b'Lot: A1234', b'Lot: B1234')),
    Sample('特定生物由来製品/輸血記録 タイムスタンプ付.asics', 'product-use', 'asic-s-xades', 'dss', VALID,
           sidecar(BIOLOGICAL, '2026-06-13'), EC, level='T', at=None),
    # ASiC-E with CAdES
    Sample('健診/2026-05-20_石綿健診.asice', 'health-check', 'asic-e-cades', 'dss', VALID,
           by_key(ASBESTOS, '2026-05-20'), RSA, level='LTA', at=None),
    # Plain files
    Sample('健診/2026-05-20_受診者一覧.csv', 'csv', 'plain', 'files', UNSIGNED, by_key(ASBESTOS, '2026-05-20')),
    Sample('画像/胸部X線 見本.png', 'png', 'plain', 'files', UNSIGNED, sidecar(XRAY, '2026-06-12')),
    Sample('画像/腰椎X線 見本.jpg', 'jpeg', 'plain', 'files', UNSIGNED, Retention('modified-time', XRAY)),
    Sample('その他/院内連絡メモ.txt', 'memo', 'plain', 'files', UNSIGNED, NO_RETENTION),
    Sample('その他/受付票 2026.txt', 'slip', 'plain', 'openssl', UNSIGNED, NO_RETENTION, beside=('tsr',)),
    Sample('その他/検査値一覧.csv', 'csv', 'plain', 'dss', UNSIGNED, NO_RETENTION, beside=('ers',)),
    Sample('その他/空のファイル.txt', 'empty', 'plain', 'files', UNSIGNED, NO_RETENTION),
    Sample('その他/切れた署名.p7m', 'cut-p7m', 'cades-attached', 'files', UNPARSABLE, NO_RETENTION),
    Sample('その他/not really.pdf', 'false-pdf', 'pdf', 'files', UNPARSABLE, NO_RETENTION),
)

# Rules for these folders in the shape of the configuration's `retention.rules`; the first whose `match` fits a key counts.
RULES = (
    {'match': '^診療録/', 'preset': RECORD},
    {'match': '^同意書/', 'preset': CLINICAL},
    # The preset leaves open from when five years apply and says to take five until the operator sets the date.
    {'match': r'^処方箋/(?<start>\d{4}-\d{2}-\d{2})_', 'preset': PRESCRIPTION, 'years': 5},
    {'match': '^検査/', 'preset': FINDING, 'fallback': 'signing-time'},
    {'match': '^契約/', 'preset': CONTRACT},
    {'match': '^特定生物由来製品/', 'preset': BIOLOGICAL},
    {'match': r'^健診/(?<start>\d{4}-\d{2}-\d{2})_', 'preset': ASBESTOS},
    {'match': '^画像/', 'preset': XRAY, 'fallback': 'modified-time'},
)
