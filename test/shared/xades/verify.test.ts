// Verdicts on one XML signature: each method, each check by an input that only it refuses, and each left
// out in turn.
import { sign } from 'node:crypto';
import test from 'ava';
import { toBase64 } from '#shared/bytes.ts';
import { digest } from '#shared/crypto/digest.ts';
import { verifyXades, xadesChecks, type XadesVerifyInput } from '#shared/xades/verify.ts';
import { findSignatures, readXadesSignature } from '#shared/xades/read.ts';
import { parseXml } from '#shared/xml/parse.ts';
import { signedDocument } from '#shared/xmldsig/process.ts';
import { readDocument } from '#shared/validation/inspect.ts';
import { parseCertificate } from '#shared/x509/certificate.ts';
import { issueSigner, type Issued } from '../../_authority.ts';
import { testRoot } from '../../_cms.ts';
import { freshKey, type KeyName } from '../../_keys.ts';
import { canonicalOf, signXades, withUnsigned, xadesSigner } from '../../_xades.ts';
import { xmlReference, xmlSignature } from '../../_xml-signature.ts';

type Judged = { readonly status: string; readonly checks: readonly string[] };

function judgeAll(text: string): readonly Judged[] {
  const bytes = new TextEncoder().encode(text);
  const reading = readDocument({ bytes, size: bytes.length });
  return reading.xmlSignatures.map((signature) => {
    const { status, subIndication, findings } = signature.verify(reading.certificates);
    return {
      status: [status, subIndication].filter(Boolean).join(' '),
      checks: findings.map(({ check }) => check),
    };
  });
}

function judge(text: string): Judged {
  const [first] = judgeAll(text);
  if (!first) throw new Error('no signature');
  return first;
}

const more2001 = 'http://www.w3.org/2001/04/xmldsig-more#';
const more2007 = 'http://www.w3.org/2007/05/xmldsig-more#';
const pssDefault = `<m:RSAPSSParams xmlns:m="${more2007}"><m:SaltLength>20</m:SaltLength></m:RSAPSSParams>`;

function signerWith(name: KeyName, how: 'plain' | 'pss' | 'pss20' | 'own' | 'sha512'): Issued {
  const key = freshKey(name);
  const issued = issueSigner(testRoot, { key });
  const { privateKey } = key;
  const hash = how === 'own' ? null : how === 'sha512' ? 'sha512' : 'sha256';
  const options =
    how === 'pss' || how === 'pss20'
      ? { key: privateKey, padding: 6, saltLength: how === 'pss' ? 32 : 20 }
      : { key: privateKey, dsaEncoding: 'ieee-p1363' as const };
  return { ...issued, key: { ...key, sign: (data) => Uint8Array.from(sign(hash, data, options)) } };
}

const methods: readonly (readonly [string, Issued, string])[] = [
  ['RSA with SHA-256', signerWith('RSA-2048', 'plain'), `${more2001}rsa-sha256`],
  ['RSA with SHA-512', signerWith('RSA-2048', 'sha512'), `${more2001}rsa-sha512`],
  ['RSASSA-PSS', signerWith('RSA-2048', 'pss'), `${more2007}sha256-rsa-MGF1`],
  ['ECDSA on P-256', signerWith('P-256', 'plain'), `${more2001}ecdsa-sha256`],
  ['ECDSA on P-521', signerWith('P-521', 'sha512'), `${more2001}ecdsa-sha512`],
  ['DSA', signerWith('DSA-2048', 'plain'), 'http://www.w3.org/2009/xmldsig11#dsa-sha256'],
  ['Ed25519', signerWith('Ed25519', 'own'), 'http://www.w3.org/2021/04/xmldsig-more#eddsa-ed25519'],
];

for (const [what, signer, method] of methods)
  test(`verified: ${what}`, (t) => {
    const text = signXades({ signer, method });
    t.deepEqual(judge(text), { status: 'valid', checks: [] });
    const wrong = text.replace(
      /(Id="value">.)(.)/,
      (_, a: string, b: string) => a + (b === 'A' ? 'B' : 'A'),
    );
    t.deepEqual(judge(wrong), { status: 'invalid SIG_CRYPTO_FAILURE', checks: ['signature'] });
  });

test('verified: RSASSA-PSS with parameters', (t) => {
  const signer = signerWith('RSA-2048', 'pss20');
  const method = `${more2007}rsa-pss`;
  const text = signXades({ signer, method, methodParameters: pssDefault });
  t.is(judge(text).status, 'valid');
  // The salt is said to be as long as the digest, and is not.
  t.is(judge(signXades({ signer, method })).status, 'invalid SIG_CRYPTO_FAILURE');
});

const good = signXades();
const other = issueSigner(testRoot);

/** By name of the check that alone refuses it. */
const refused: readonly (readonly [check: string, text: string, status: string])[] = [
  ['references-intact', good.replace('>one<', '>two<'), 'invalid HASH_FAILURE'],
  [
    'references-found',
    good.replace('Id="data"', 'Id="date"'),
    'indeterminate SIGNED_DATA_NOT_FOUND',
  ],
  [
    'references-computed',
    signXades({
      transforms: '<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116"/>',
    }),
    'indeterminate CUSTOM',
  ],
  ['signed-properties', signXades({ propertiesReference: '' }), 'invalid FORMAT_FAILURE'],
  [
    'signed-properties-once',
    good.replace('<x:UnsignedProperties>', '<x:SignedProperties/><x:UnsignedProperties>'),
    'invalid FORMAT_FAILURE',
  ],
  [
    'signature-method',
    signXades({ method: 'http://www.w3.org/2000/09/xmldsig#hmac-sha1' }),
    'indeterminate CRYPTO_CONSTRAINTS_FAILURE_NO_POE',
  ],
  [
    'signer-certificate',
    signXades({ certificateDigest: digest('SHA-256', other.certificate.raw) }),
    'indeterminate NO_SIGNING_CERTIFICATE_FOUND',
  ],
  [
    'signing-certificate',
    signXades({ secondCertificateDigest: digest('SHA-256', other.certificate.raw) }),
    'indeterminate SIG_CONSTRAINTS_FAILURE',
  ],
  ['signature', good.replace(/(Id="value">)./, '$1+'), 'invalid SIG_CRYPTO_FAILURE'],
];

for (const [check, text, status] of refused)
  test(`refused by ${check} alone`, (t) => {
    t.deepEqual(judge(text), { status, checks: [check] });
  });

test('whose key the value verifies with is shown where another certificate is named, and decides nothing', (t) => {
  const text = signXades({ certificateDigest: digest('SHA-256', other.certificate.raw) });
  const bytes = new TextEncoder().encode(text);
  const { facts, xmlSignatures } = readDocument({ bytes, size: bytes.length });
  t.is(facts.signatures[0]?.signer?.fingerprint, xadesSigner.certificate.fingerprint);
  const verdict = xmlSignatures[0]?.verify([]);
  t.true(verdict?.signatureIntact);
  t.is(verdict?.status, 'indeterminate');
  // The one that is named decides, wherever it comes from.
  t.false(xmlSignatures[0]?.verify([other.certificate]).signatureIntact);
});

test('a signature over nothing is none', (t) => {
  const text = `<doc>${xmlSignature({ references: '' })}</doc>`;
  t.true(judge(text).checks.includes('references-present'));
});

test('entries of a manifest that do not fit are said and decide nothing', (t) => {
  const entry = xmlReference('nowhere');
  const manifest = `<ds:Manifest xmlns:ds="http://www.w3.org/2000/09/xmldsig#" Id="data">${entry}</ds:Manifest>`;
  const { status, checks } = judge(signXades({ data: manifest }));
  t.deepEqual([status, checks], ['valid', ['manifest-entries']]);
});

test('an entry of a manifest may be an Object beside the signature; a reference of the signature itself may not', (t) => {
  const canonical = 'http://www.w3.org/2001/10/xml-exc-c14n#';
  const object = `<ds:Object xmlns:ds="http://www.w3.org/2000/09/xmldsig#" Id="beside">one</ds:Object>`;
  const inDocument = (text: string): string =>
    text.replace('<ds:Signature ', `${object}<ds:Signature `);
  const type = ' Type="http://www.w3.org/2000/09/xmldsig#Object"';
  const value = toBase64(digest('SHA-256', new TextEncoder().encode(object)));
  const entry = `<ds:Reference URI="#beside"${type}><ds:Transforms><ds:Transform Algorithm="${canonical}"/></ds:Transforms><ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><ds:DigestValue>${value}</ds:DigestValue></ds:Reference>`;
  const manifest = `<ds:Manifest xmlns:ds="http://www.w3.org/2000/09/xmldsig#" Id="data">${entry}</ds:Manifest>`;
  t.deepEqual(judge(inDocument(signXades({ data: manifest }))), { status: 'valid', checks: [] });
  const typed = inDocument(signXades({ data: object.replace('"beside"', '"data"') })).replace(
    'URI="#data"',
    `URI="#data"${type}`,
  );
  t.true(judge(typed).checks.includes('references-found'));
});

test('a countersignature has to be over the value of its signature', (t) => {
  const over = (uri: string): string => {
    const text = good
      .replace(/^<doc[^>]*>.*?<ds:Signature /, '<ds:Signature ')
      .replace('</doc>', '')
      .replaceAll('Id="', 'Id="c-')
      .replaceAll('"#sp"', '"#c-sp"')
      .replaceAll('#data', uri);
    return withUnsigned(good, `<x:CounterSignature>${text}</x:CounterSignature>`);
  };
  t.false(judgeAll(over('#value'))[1]?.checks.includes('countersigned-value'));
  t.true(judgeAll(over('#data'))[1]?.checks.includes('countersigned-value'));
});

/** What `verifyXades` is given for the first signature of a text. */
function inputOf(text: string): XadesVerifyInput {
  const bytes = new TextEncoder().encode(text);
  const document = parseXml(bytes);
  const home = signedDocument(document);
  const [element] = findSignatures(document.root);
  if (!element) throw new Error('no signature');
  const facts = readDocument({ bytes, size: bytes.length }).facts.signatures[0];
  const signature = readXadesSignature(element);
  return {
    signature,
    home,
    references: (facts?.references ?? []).map(({ uri, found, intact, kind }) => ({
      uri,
      found: found ?? false,
      intact,
      target: kind === 'signed-properties' ? signature.signedProperties : undefined,
      isSignedProperties: kind === 'signed-properties',
    })),
    manifestEntriesOpen: 0,
    keyCertificates: signature.keyCertificates.map((octets) => parseCertificate(octets)),
    candidates: [],
  };
}

const whole = inputOf(good);

/** By name of the check that alone says something, whether it refuses or warns. */
const noticed: readonly (readonly [check: string, input: XadesVerifyInput])[] = [
  ...refused
    .filter(([check]) => check !== 'references-computed')
    .map(([check, text]) => [check, inputOf(text)] as const),
  [
    'references-computed',
    {
      ...whole,
      references: whole.references.map((reference) =>
        reference.isSignedProperties ? reference : { ...reference, intact: undefined },
      ),
    },
  ],
  [
    'references-present',
    { ...whole, references: [], signature: { ...whole.signature, signedProperties: undefined } },
  ],
  ['countersigned-value', { ...whole, countersigned: whole.home.document.root }],
  ['manifest-entries', { ...whole, manifestEntriesOpen: 1 }],
];

test('every check has an input of its own', (t) => {
  t.deepEqual(
    noticed.map(([check]) => check).toSorted(),
    xadesChecks.map(({ name }) => name).toSorted(),
  );
});

for (const [check, input] of noticed)
  test(`left out, nothing else notices what ${check} does`, (t) => {
    t.deepEqual(
      verifyXades(input).findings.map((finding) => finding.check),
      [check],
    );
    const checks = xadesChecks.filter(({ name }) => name !== check);
    const { status, findings } = verifyXades({ ...input, checks });
    t.deepEqual([status, findings], ['valid', []]);
  });

test('the fixtures are canonical where they are signed', (t) => {
  t.true(canonicalOf(good, 'SignedInfo').length > 100);
  t.is(xadesSigner.certificate.key.kind, 'RSA');
});
