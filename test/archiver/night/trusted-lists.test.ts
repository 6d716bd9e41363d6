// Nights whose trust comes from a trusted list: a qualified timestamping service on it vouches for the timestamps
// of documents, and one of qualified certificates for signers, each for nothing else.
import test from 'ava';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { serviceTypes } from '#shared/trust/trusted-list-names.ts';
import { issueRoot } from '../../_authority.ts';
import { signEnveloped } from '../../_enveloped.ts';
import { trustedListXml } from '../../_trusted-list.ts';
import { crlsOf, root, sign, signatureTimestamp } from '../../shared/validation/_world.ts';
import { createArchive, type TestArchive } from './_night.ts';

const operator = issueRoot({ subject: 'CN=List operator' });

/** A year after the signer's certificate has ended: only its timestamp can save the signature. */
const start = '2029-06-01T02:00:00Z';
const signed = sign({
  unsigned: signatureTimestamp('first', '2027-01-01'),
  crlsOn: ['2027-02-01'],
});

async function archiveWith(serviceType: string, signers: object): Promise<TestArchive> {
  const archive = await createArchive(
    {
      signers: { crls: ['root.crl', 'ca.crl'], ...signers },
      trustedLists: [{ lists: ['list.xml'], signedBy: ['operator.cer'] }],
    },
    { start },
  );
  const list = signEnveloped(trustedListXml(root.certificate, serviceType), operator);
  const [rootCrl, caCrl] = crlsOf(start.slice(0, 10)).map(({ raw }) => raw);
  const files = {
    'list.xml': list,
    'operator.cer': operator.certificate.raw,
    'root.cer': root.certificate.raw,
    'root.crl': rootCrl ?? '',
    'ca.crl': caCrl ?? '',
  };
  for (const [name, octets] of Object.entries(files))
    await writeFile(path.join(archive.folder, name), octets);
  await archive.put('contract.p7m', signed);
  return archive;
}

const { qualifiedTimestamping, qualifiedCertificates } = serviceTypes;
const anchored = { anchors: ['root.cer'] };
const stampsFrom = { tsuAnchors: ['root.cer'] };
const rows = {
  'a timestamping service, for TSUs': [qualifiedTimestamping, anchored, 'valid'],
  'a timestamping service, for signers': [qualifiedTimestamping, {}, 'indeterminate'],
  'certificates, for TSUs': [qualifiedCertificates, anchored, 'not-valid'],
  'certificates, for signers': [qualifiedCertificates, stampsFrom, 'valid'],
} as const;

for (const [what, [serviceType, signers, status]] of Object.entries(rows))
  test(`listed as ${what}`, async (t) => {
    await using archive = await archiveWith(serviceType, signers);
    await archive.night();
    t.is((await archive.row('contract.p7m')).intake.status, status);
  });
