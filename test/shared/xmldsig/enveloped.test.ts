// A document's signature over itself: whole, by an expected key, and nothing else.
import test from 'ava';
import { parseXml } from '#shared/xml/parse.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import { type EnvelopedVerdict, verifyEnveloped } from '#shared/xmldsig/enveloped.ts';
import { envelopedSignature } from '#shared/xmldsig/names.ts';
import { issueRoot } from '../../_authority.ts';
import { type EnvelopedSpec, signEnveloped } from '../../_enveloped.ts';

const signer = issueRoot();
const other = issueRoot({ subject: 'CN=Other' });
const xml = '<list><entry Id="e">one</entry><entry>two</entry></list>';
const trusted = [other.certificate, signer.certificate];

function judge(octets: Uint8Array, signers: readonly Certificate[] = trusted): EnvelopedVerdict {
  return verifyEnveloped(parseXml(octets), signers);
}

function changed(octets: Uint8Array, from: string, to: string): Uint8Array {
  const text = new TextDecoder().decode(octets);
  if (!text.includes(from)) throw new Error(`nothing to change: ${from}`);
  return new TextEncoder().encode(text.replace(from, to));
}

test('the whole by an expected key', (t) => {
  const verdict = judge(signEnveloped(xml, signer));
  t.is(verdict.kind, 'signed');
  if (verdict.kind === 'signed') t.is(verdict.signer, signer.certificate);
});

test('without expected keys, KeyInfo shows that nothing was changed', (t) => {
  const octets = signEnveloped(xml, signer);
  t.is(verifyEnveloped(parseXml(octets)).kind, 'signed');
  t.is(verifyEnveloped(parseXml(changed(octets, 'two', 'six'))).kind, 'broken');
});

test('without a signature', (t) => {
  t.deepEqual(judge(new TextEncoder().encode(xml)), { kind: 'unsigned' });
});

const broken = test.macro({
  exec(t, octets: Uint8Array, reason: RegExp, signers: readonly Certificate[] = trusted) {
    const verdict = judge(octets, signers);
    t.is(verdict.kind, 'broken');
    if (verdict.kind === 'broken') t.regex(verdict.reason, reason);
  },
  title: (name) => `broken: ${String(name)}`,
});

const signed = (spec: EnvelopedSpec): Uint8Array => signEnveloped(xml, signer, spec);
const entry = new TextEncoder().encode('<entry Id="e">one</entry>');
const enveloped = `<ds:Transform Algorithm="${envelopedSignature}"/>`;

test('one changed character', broken, changed(signed({}), 'two', 'twa'), /was changed/);
test('an attribute more', broken, changed(signed({}), '<list>', '<list a="">'), /was changed/);
test('by somebody else', broken, signed({}), /none of the signers/, [other.certificate]);
test('by nobody that is expected', broken, signed({}), /none of the signers/, []);
test(
  'signed info changed',
  broken,
  changed(signed({}), 'ecdsa-sha256', 'ecdsa-sha384'),
  /none of the signers/,
);
test(
  'over a part',
  broken,
  signed({ uri: '#e', transforms: '', digestOf: entry }),
  /whole document/,
);
test('over the whole less than enveloped', broken, signed({ transforms: '' }), /whole document/);
test(
  'a weak digest',
  broken,
  signed({ digestMethod: 'http://www.w3.org/2000/09/xmldsig#sha1' }),
  /not accepted/,
);
test(
  'a transform that is not carried out',
  broken,
  signed({
    transforms: `${enveloped}<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116"/>`,
  }),
  /whole document/,
);
test(
  'two signatures',
  broken,
  signEnveloped(new TextDecoder().decode(signed({})), signer),
  /several/,
);
test(
  'no signed info',
  broken,
  new TextEncoder().encode(
    '<list><s:Signature xmlns:s="http://www.w3.org/2000/09/xmldsig#"/></list>',
  ),
  /SignedInfo/,
);
test(
  'more signers than are tried',
  broken,
  signed({}),
  /signers/,
  Array.from({ length: 101 }, () => other.certificate),
);
