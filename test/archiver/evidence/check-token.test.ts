// Validation data in a stored token: one changed octet in each kind of it, which the token's own signature
// does not cover, and none in what is as it was.
import test from 'ava';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { batchKey } from '#archiver/evidence/batch-objects.ts';
import { checkKeptData } from '#archiver/evidence/check-token.ts';
import { embeddedValidationData } from '#shared/cms/revocation-values.ts';
import { parseTimeStampToken } from '#shared/tsp/token.ts';
import { parseCertificate } from '#shared/x509/certificate.ts';
import { createMemoryStore } from '../../_memory-store.ts';
import { createWorld } from './_world.ts';

const { signal } = new AbortController();
const seeds = path.join(import.meta.dirname, '..', '..', 'fuzz', 'seeds');
const form = readFileSync(path.join(seeds, 'token', 'evidence-form.der'));
const root = parseCertificate(readFileSync(path.join(seeds, 'certificate', 'root.der')));
const { certificates, crls, ocspResponses } = embeddedValidationData(
  parseTimeStampToken(form).signedData,
);
const id = '20270110T020000Z-00000000';

async function damageWith(changed: Uint8Array): Promise<readonly string[]> {
  const store = createMemoryStore();
  await store.write(batchKey(id, 'token'), changed, { signal });
  const verification = { ...createWorld().verification, anchors: [{ certificate: root }] };
  const damage = await checkKeptData({ store, verification, signal }, id);
  return damage.flatMap(({ findings }) => findings.map(({ message }) => message));
}

function flipped(at: number): Uint8Array {
  const octets = Uint8Array.from(form);
  octets[at] = (octets[at] ?? 0) ^ 1;
  return octets;
}

/** The last octet of an object is one of its signature's. */
const lastOf = (part: Uint8Array | undefined): number =>
  form.indexOf(part ?? new Uint8Array()) + (part?.length ?? 0) - 1;

test('as it was stored', async (t) => {
  t.deepEqual(await damageWith(form), []);
});

const places: Readonly<Record<string, readonly [at: number, named: RegExp]>> = {
  'a certificate': [lastOf(certificates[0]?.raw), /the certificate of CN=/],
  'a CRL': [lastOf(crls[0]?.raw), /the CRL of CN=CA/],
  'an OCSP response': [
    form.indexOf(ocspResponses[0]?.basic?.tbs ?? new Uint8Array()) + 60,
    /an OCSP response/,
  ],
  'the version, which nothing signs': [
    form.indexOf(Buffer.from('2a864886f70d010702', 'hex')) + 9 + 4 + 4 + 2,
    /its frame/,
  ],
};
for (const [what, [at, named]] of Object.entries(places))
  test(`one octet changed: ${what}`, async (t) => {
    const [message = ''] = await damageWith(flipped(at));
    t.regex(message, named);
  });
