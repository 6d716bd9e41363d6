// What a signer states in signed attributes, by the words of EN 319 122-1 §5.2, and how each comes out.
import test from 'ava';
import { readSignerStatements } from '#shared/cades/signer-statements.ts';
import { parseSignedData } from '#shared/cms/signed-data.ts';
import { buildAlgorithmIdentifier } from '#shared/der/algorithm-identifier.ts';
import {
  derContext,
  derElement,
  derInteger,
  derNull,
  derObjectIdentifier,
  derOctetString,
  derSequence,
  derSetOf,
} from '#shared/der/writer.ts';
import { oids } from '#shared/oid.ts';
import { buildTestCms } from '../../_cms.ts';
import { testAttribute } from '../../_tsu.ts';

const utf8 = (text: string): Uint8Array => derElement(0x0c, new TextEncoder().encode(text));
const role = derSequence(derObjectIdentifier(oids.role), derSetOf(utf8('physician')));

function statementsOf(oid: string, value: Uint8Array) {
  const cms = buildTestCms({ extraSigned: [testAttribute(oid, value)] });
  const [signerInfo] = parseSignedData(cms).signerInfos;
  if (!signerInfo) throw new Error('no signer');
  return readSignerStatements(signerInfo);
}

const rows: readonly (readonly [
  attribute: string,
  oid: string,
  value: Uint8Array,
  says: string,
])[] = [
  [
    'signature-policy-identifier',
    oids.idAaEtsSigPolicyId,
    derSequence(
      derObjectIdentifier('1.2.392.1'),
      derSequence(buildAlgorithmIdentifier(oids.sha256).raw, derOctetString(Uint8Array.of(1, 2))),
      derSequence(derSequence(derObjectIdentifier('1.2.3'), utf8('http://policy.test'))),
    ),
    '1.2.392.1, SHA-256 0102, http://policy.test',
  ],
  ['signature-policy-identifier', oids.idAaEtsSigPolicyId, derNull(), 'implied'],
  [
    'commitment-type-indication',
    oids.idAaEtsCommitmentType,
    derSequence(derObjectIdentifier(oids.idCtiEtsProofOfApproval)),
    'id-cti-ets-proofOfApproval',
  ],
  [
    'signer-attributes',
    oids.idAaEtsSignerAttr,
    derSequence(derContext(0, derSequence(role)), derContext(1, derSequence())),
    'role physician; certified attributes',
  ],
  [
    'signer-attributes-v2',
    oids.idAaEtsSignerAttrV2,
    derSequence(derContext(0, role), derContext(2, derSequence())),
    'role physician; signed assertions',
  ],
  [
    'signer-location',
    oids.idAaEtsSignerLocation,
    derSequence(derContext(0, utf8('JP')), derContext(2, derSequence(utf8('東京')))),
    'JP, 東京',
  ],
  [
    'content-hints',
    oids.idAaContentHint,
    derSequence(utf8('text/plain'), derObjectIdentifier(oids.idData)),
    'text/plain',
  ],
  ['mime-type', oids.idAaEtsMimeType, utf8('application/pdf'), 'application/pdf'],
];

for (const [attribute, oid, value, says] of rows)
  test(`${attribute}: ${says}`, (t) => {
    t.deepEqual(statementsOf(oid, value), { statements: [{ attribute, says }], problems: [] });
  });

test('an attribute that does not parse is a problem with its name', (t) => {
  const { statements, problems } = statementsOf(oids.idAaEtsSignerAttr, derInteger(1));
  t.deepEqual(statements, []);
  t.like(problems, [{ place: 'signer-attributes' }]);
});
