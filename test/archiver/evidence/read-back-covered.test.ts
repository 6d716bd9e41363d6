// The groups of a timestamp renewal as the read-back sees them: each form has its own digests, and one in the
// place of the other, or of another batch, is no group of it.
import test from 'ava';
import { digest } from '#shared/crypto/digest.ts';
import { timestampRenewalGroup, xmlTimestampRenewalGroup } from '#shared/ers/renewal.ts';
import { createChainIndex } from '../../../archiver/evidence/chains.ts';
import { createCoveredTokens } from '../../../archiver/evidence/read-back-covered.ts';
import type { ReadGroup } from '../../../archiver/evidence/read-back-table.ts';
import type { BatchManifest } from '../../../archiver/evidence/types.ts';

const tokens = new Map([
  ['a', Buffer.from('token of a')],
  ['b', Buffer.from('token of b')],
]);

function manifestOf(id: string, fields: Partial<BatchManifest> = {}): BatchManifest {
  const genTime = Temporal.Instant.from('2026-01-01T00:00:00Z');
  return {
    format: 'tokiwa-batch',
    version: 1,
    id,
    kind: 'initial',
    runAt: genTime,
    digestAlgorithm: 'SHA-256',
    groupCount: 1,
    memberCount: 0,
    blind: false,
    root: '',
    genTime,
    token: {
      genTime: genTime.toString(),
      imprintAlgorithm: 'SHA-256',
      tsaPolicy: '1.2.3',
      serialNumber: '1',
      signature: { name: 'RSA', digest: 'SHA-256', key: { kind: 'rsa', bits: 3072 } },
      chain: [],
    },
    receivedSha256: '',
    tsa: { name: 'test' },
    previous: [],
    findings: [],
    ...fields,
  };
}

const renewal = manifestOf('r', {
  kind: 'timestamp-renewal',
  groupCount: 4,
  previous: [
    { batchId: 'a', renewals: 0 },
    { batchId: 'b', renewals: 0 },
  ],
});
const chains = createChainIndex([manifestOf('a'), manifestOf('b')]);

function groupOf(index: number, members: readonly Uint8Array[]): ReadGroup {
  return {
    index,
    members,
    leaf: digest('SHA-256', ...members),
    leafFits: true,
    blindValue: undefined,
  };
}

const of = (id: string): Uint8Array => tokens.get(id) ?? new Uint8Array(0);
const asn1 = (id: string) => timestampRenewalGroup('SHA-256', [of(id)]);
const xml = (id: string) => xmlTimestampRenewalGroup('SHA-256', [of(id)]);

for (const [what, group, fits] of [
  ['a token', groupOf(0, asn1('a')), true],
  ['the second token', groupOf(1, asn1('b')), true],
  ['a token as records in XML hash it', groupOf(2, xml('a')), true],
  ['the second one likewise', groupOf(3, xml('b')), true],
  ['another batch’s token', groupOf(0, asn1('b')), false],
  ['the form of XML in the place of the other', groupOf(0, xml('a')), false],
  ['the form of ASN.1 in the place of the other', groupOf(2, asn1('a')), false],
  ['another batch’s token in XML', groupOf(2, xml('b')), false],
  ['a value beside the token', groupOf(0, [...asn1('a'), ...asn1('b')]), false],
  ['a group too many', groupOf(4, asn1('a')), false],
] as const)
  test(`${what} is ${fits ? '' : 'not '}the group of a renewal`, async (t) => {
    const read = (id: string): Promise<Uint8Array> => Promise.resolve(of(id));
    t.is(await createCoveredTokens({ chains, manifest: renewal, read })(group), fits);
  });
