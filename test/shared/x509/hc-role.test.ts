// hcRole as real certificates carry it, in the taggings that occur, and what is no role.
import test from 'ava';
import {
  derContext,
  derElement,
  derObjectIdentifier,
  derPrintableString,
  derSequence,
  derSetOf,
  derUtf8String,
} from '#shared/der/writer.ts';
import { FormatError } from '#shared/errors.ts';
import { oids } from '#shared/oid.ts';
import { readHcRoles } from '#shared/x509/hc-role.ts';
import { issueRoot, issueSigner } from '../../_authority.ts';
import { extension } from '../../_extensions.ts';
import { createHpki, hcRole, issueProfessional } from '../../_hpki.ts';

const { ca } = createHpki();
const hpki = oids.idJhpkiCdata;

for (const tagging of ['explicit', 'implicit'] as const)
  test(`two roles, tagged ${tagging}`, (t) => {
    const roles = ['Medical Doctor', 'Director of Hospital'].map((name) => ({ name, tagging }));
    const { certificate } = issueProfessional(ca, { roles });
    t.deepEqual(readHcRoles(certificate), [
      { codingScheme: hpki, name: 'Medical Doctor' },
      { codingScheme: hpki, name: 'Director of Hospital' },
    ]);
  });

test('another coding scheme is told', (t) => {
  const { certificate } = issueProfessional(ca, {
    roles: [{ name: 'Medical Doctor', codingScheme: '1.2.3' }],
  });
  t.deepEqual(readHcRoles(certificate), [{ codingScheme: '1.2.3', name: 'Medical Doctor' }]);
});

test('a certificate without the extension has no role', (t) => {
  t.deepEqual(readHcRoles(issueSigner(issueRoot()).certificate), []);
});

// 1.0.17090.1 is the arc of coded data, 1.0.17090.0.1.1 would be below the attribute.
for (const type of [oids.idHcpkiCd, oids.idHcpkiAt, `${oids.idHcpkiAtHealthcareactor}.1`])
  test(`an attribute of type ${type} is no role`, (t) => {
    const { certificate } = issueProfessional(ca, {
      extraExtensions: [hcRole(['Medical Doctor'], { type })],
    });
    t.deepEqual(readHcRoles(certificate), []);
  });

const scheme = derContext(0, derObjectIdentifier(hpki));
const actor = (...fields: readonly Uint8Array[]): Uint8Array =>
  derSetOf(derSetOf(derSequence(derContext(0, derSetOf(...fields)))));

const utf16 = (text: string): Uint8Array => Buffer.from(text, 'utf16le').swap16();
const utf32 = (text: string): Uint8Array =>
  Uint8Array.from(Array.from(text).flatMap((letter) => [0, 0, 0, letter.charCodeAt(0)]));
/** The other choices of DirectoryString (RFC 5280 §4.1.2.4). */
const encodings: Readonly<Record<string, Uint8Array>> = {
  PrintableString: derPrintableString('Medical Doctor'),
  TeletexString: derElement(0x14, Buffer.from('Medical Doctor', 'latin1')),
  BMPString: derElement(0x1e, utf16('Medical Doctor')),
  UniversalString: derElement(0x1c, utf32('Medical Doctor')),
};
for (const [what, name] of Object.entries(encodings))
  test(`a name as ${what}`, (t) => {
    const values = actor(scheme, derContext(2, name));
    const { certificate } = issueProfessional(ca, { extraExtensions: [hcRole([], { values })] });
    t.deepEqual(readHcRoles(certificate), [{ codingScheme: hpki, name: 'Medical Doctor' }]);
  });

const malformed: Readonly<Record<string, Uint8Array>> = {
  'values that are no set': derSequence(),
  'an actor without coded data': derSetOf(derSetOf(derSequence())),
  'coded data without a name': actor(scheme),
  'coded data without a scheme': actor(derContext(2, derUtf8String('Medical Doctor'))),
  'a name of another type': actor(scheme, derContext(2, derObjectIdentifier('1.2'))),
  'an empty name': actor(scheme, derContext(2)),
  'two names in one': actor(scheme, derContext(2, derUtf8String('A'), derUtf8String('B'))),
  'a name of half a character': actor(scheme, derContext(2, derElement(0x1e, Uint8Array.of(0)))),
  'a name that is no UTF-8': actor(scheme, derContext(2, derElement(0x0c, Uint8Array.of(0xff)))),
  'a name beyond all bounds': actor(scheme, derContext(2, derUtf8String('x'.repeat(201)))),
  'actor data that is no set': derSetOf(derSequence()),
};

for (const [what, values] of Object.entries(malformed))
  test(`refused: ${what}`, (t) => {
    const { certificate } = issueProfessional(ca, { extraExtensions: [hcRole([], { values })] });
    t.throws(() => readHcRoles(certificate), { instanceOf: FormatError });
  });

test('refused: an extension that is no sequence of attributes', (t) => {
  const { certificate } = issueProfessional(ca, {
    extraExtensions: [extension(oids.subjectDirectoryAttributes, Uint8Array.of(0x05, 0x00))],
  });
  t.throws(() => readHcRoles(certificate), { instanceOf: FormatError });
});

test('refused: more roles than anybody holds', (t) => {
  const roles = Array.from({ length: 51 }, (_, index) => `Role ${index}`);
  const { certificate } = issueProfessional(ca, { roles });
  t.throws(() => readHcRoles(certificate), { instanceOf: FormatError, code: 'ERR_FORMAT_LIMIT' });
});
