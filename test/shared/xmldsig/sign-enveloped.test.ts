// A policy is signed over itself as it is handed on, and verified by who receives it.
import test from 'ava';
import { sign } from 'node:crypto';
import { nodeDigestName } from '#shared/crypto/digest.ts';
import { bundledPolicies } from '#shared/policy/bundled.ts';
import { buildDssc } from '#shared/policy/dssc-write.ts';
import { parseDssc } from '#shared/policy/dssc.ts';
import { parseXml } from '#shared/xml/parse.ts';
import { verifyEnveloped } from '#shared/xmldsig/enveloped.ts';
import { type EnvelopedSigner, signEnveloped } from '#shared/xmldsig/sign-enveloped.ts';
import { type Issued, issueRoot } from '../../_authority.ts';
import { testKey } from '../../_keys.ts';

function signerOf({ certificate }: Issued, { key } = issued): EnvelopedSigner {
  return {
    certificate,
    sign: (octets, algorithm) =>
      sign(nodeDigestName(algorithm), octets, {
        key: key.privateKey,
        dsaEncoding: 'ieee-p1363',
      }),
  };
}

const issued = issueRoot();
const [policy] = bundledPolicies.policies;
const octets = policy ? buildDssc(policy, bundledPolicies.asOf) : new Uint8Array();

for (const key of ['P-256', 'P-384', 'P-521', 'RSA-3072'] as const)
  test(`signed with ${key}: verified with its certificate, every other octet as it was`, (t) => {
    const one = issueRoot({ key: testKey(key) });
    const signed = signEnveloped(octets, signerOf(one, one));
    const verdict = verifyEnveloped(parseXml(signed), [one.certificate]);
    t.is(verdict.kind, 'signed');
    t.is(verifyEnveloped(parseXml(signed), [issued.certificate]).kind, 'broken');
    const text = new TextDecoder().decode(signed);
    t.is(text.replace(/<ds:Signature .*<\/ds:Signature>/s, ''), new TextDecoder().decode(octets));
    t.deepEqual(parseDssc(signed).policy, policy);
  });

test('a changed octet breaks it', (t) => {
  const text = new TextDecoder().decode(signEnveloped(octets, signerOf(issued)));
  const changed = new TextEncoder().encode(text.replace('<End>20', '<End>21'));
  t.is(verifyEnveloped(parseXml(changed), [issued.certificate]).kind, 'broken');
});

test('refused: a document that is signed already', (t) => {
  const signed = signEnveloped(octets, signerOf(issued));
  t.throws(() => signEnveloped(signed, signerOf(issued)), { code: 'ERR_INVARIANT_STATE' });
});

test('refused: a key that is not that of the certificate', (t) => {
  const other = issueRoot({ subject: 'CN=Other' });
  const broken: EnvelopedSigner = { ...signerOf(other), sign: () => new Uint8Array(64).fill(1) };
  t.throws(() => signEnveloped(octets, broken), { code: 'ERR_INVARIANT_READ_BACK' });
});

for (const key of ['Ed25519', 'DSA-2048', 'brainpoolP256r1'] as const)
  test(`refused: ${key}, which verifiers of XML signatures do not share`, (t) => {
    t.throws(() => signEnveloped(octets, signerOf(issueRoot({ key: testKey(key) }))), {
      code: 'ERR_UNSUPPORTED_ALGORITHM',
    });
  });
