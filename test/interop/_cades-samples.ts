// CAdES signatures of many kinds, each raised to LTA and renewed under a simulated clock while units and digests
// follow one another: what is laid before the judges, step by step.
import { concatBytes } from '#shared/bytes.ts';
import { readChildren, readWhole } from '#shared/der/reader.ts';
import type { DigestAlgorithm } from '#shared/crypto/digest.ts';
import { type Issued, issueOcspResponse, issueSigner } from '../_authority.ts';
import { addArchiveTimestampV2 } from '../_archive-timestamp.ts';
import { buildTestCms, testContent, type TestCms } from '../_cms.ts';
import { freshKey, type KeyName } from '../_keys.ts';
import { raised, type Raising, readBack } from '../archiver/augmentation/_raising.ts';
import {
  ca,
  crlsOf,
  day,
  signatureTimestamp,
  tsus,
  type TsuName,
  tsuOf,
} from '../shared/validation/_world.ts';

/** One step of the simulated clock: who stamps, and by which digest. */
type Step = {
  readonly on: string;
  readonly tsu: TsuName;
  readonly algorithm: DigestAlgorithm;
};

/** Raised to LTA, then renewed five times. */
export const steps: readonly Step[] = [
  { on: '2027-02-01', tsu: 'first', algorithm: 'SHA-256' },
  { on: '2029-06-01', tsu: 'second', algorithm: 'SHA-256' },
  { on: '2034-06-01', tsu: 'second', algorithm: 'SHA-512' },
  { on: '2039-06-01', tsu: 'third', algorithm: 'SHA-512' },
  { on: '2048-06-01', tsu: 'third', algorithm: 'SHA3-512' },
  { on: '2058-06-01', tsu: 'third', algorithm: 'SHA3-512' },
];

export type Sample = {
  readonly name: string;
  readonly key: KeyName;
  readonly signers: number;
  readonly detached: boolean;
  /** Indefinite lengths outside, around the SignedData and in it. */
  readonly form: 'DER' | 'BER';
  readonly withV2: boolean;
  /** What tells the status of signers and TSUs. */
  readonly status: 'CRL' | 'OCSP';
  /** Countersignatures, which are judged with the others and raised with what they are about. */
  readonly countersigned?: number;
  /** In place of what the fields above would make. */
  readonly make?: () => Signed;
};

export type Signed = { readonly cms: Uint8Array; readonly issued: readonly Issued[] };

/** A document after a step, and before the first. */
export type SampleState = {
  readonly sample: Sample;
  /** 0: as signed. */
  readonly step: number;
  readonly octets: Uint8Array;
  readonly content: Uint8Array;
  /** What our own judge has against it. */
  readonly offences: readonly string[];
};

const keys: readonly KeyName[] = ['RSA-2048', 'RSA-PSS-2048', 'P-256', 'Ed25519'];

type Kind = Omit<Sample, 'name' | 'make'>;

export function named(kind: Kind): Sample {
  const { key, signers, detached, form, withV2, status } = kind;
  const parts = [
    key,
    `${signers} signers`,
    detached ? 'detached' : 'attached',
    form,
    status,
    ...(withV2 ? ['archive timestamp v2'] : []),
  ];
  return { ...kind, name: parts.join(', ') };
}

/** Every combination that means something; one with an archive timestamp of version 2 has one signer. */
export const allSamples: readonly Sample[] = keys.flatMap((key) =>
  [1, 2, 5].flatMap((signers) =>
    [false, true].flatMap((detached) =>
      (['DER', 'BER'] as const).flatMap((form) =>
        (['CRL', 'OCSP'] as const).flatMap((status) =>
          (signers === 1 ? [false, true] : [false]).map((withV2) =>
            named({ key, signers, detached, form, withV2, status }),
          ),
        ),
      ),
    ),
  ),
);

/** A few in which each property occurs. */
export const fewSamples: readonly Sample[] = (
  [
    ['RSA-2048', 1, false, 'DER', false, 'OCSP'],
    ['RSA-PSS-2048', 2, true, 'DER', false, 'CRL'],
    ['P-256', 5, false, 'BER', false, 'CRL'],
    ['Ed25519', 1, true, 'BER', false, 'CRL'],
    ['RSA-2048', 1, false, 'DER', true, 'CRL'],
    ['P-256', 1, true, 'BER', true, 'OCSP'],
  ] as const
).map(([key, signers, detached, form, withV2, status]) =>
  named({ key, signers, detached, form, withV2, status }),
);

/** The same element with an indefinite length. */
function indefinite(element: Uint8Array, content: Uint8Array): Uint8Array {
  return concatBytes(element.subarray(0, 1), Uint8Array.of(0x80), content, Uint8Array.of(0, 0));
}

/** Indefinite lengths down to the SignerInfos, as streaming signers write them; what is signed stays. */
export function withIndefiniteLengths(cms: Uint8Array): Uint8Array {
  const [type, wrapper] = readChildren(readWhole(cms));
  const [signedData] = wrapper ? readChildren(wrapper) : [];
  if (!type || !wrapper || !signedData) throw new Error('no SignedData');
  const fields = readChildren(signedData).map((field, index, all) =>
    // Fields and the set of signers, too, but nothing inside a SignerInfo.
    field.tagClass === 'context' || index === all.length - 1
      ? indefinite(field.raw, field.content)
      : field.raw,
  );
  const inner = indefinite(signedData.raw, concatBytes(...fields));
  return indefinite(cms, concatBytes(type.raw, indefinite(wrapper.raw, inner)));
}

function signed(sample: Sample): Signed {
  // RFC 8419 §3.1: Ed25519 goes with SHA-512.
  const digestAlgorithm = sample.key === 'Ed25519' ? 'SHA-512' : 'SHA-256';
  const issued = Array.from({ length: sample.signers }, (_, index) =>
    issueSigner(ca, {
      subject: `CN=Signer ${index + 1}`,
      key: freshKey(sample.key, digestAlgorithm),
      notBefore: day('2026-01-01'),
      notAfter: day('2028-01-01'),
    }),
  );
  const [signer, ...cosigners] = issued;
  if (!signer) throw new Error('no signer');
  const spec: TestCms = {
    signer,
    cosigners,
    detached: sample.detached,
    digestAlgorithm,
    certificates: [...issued.map(({ certificate }) => certificate), ca.certificate],
    ...(sample.withV2 && { unsigned: signatureTimestamp('first', '2026-11-01') }),
  };
  const der = buildTestCms(spec);
  const cms = sample.form === 'BER' ? withIndefiniteLengths(der) : der;
  if (!sample.withV2) return { cms, issued };
  const archived = addArchiveTimestampV2(tsuOf('first'), cms, {
    genTime: '2026-12-01T00:00:00Z',
    ...(sample.detached && { content: testContent }),
  });
  return { cms: archived, issued };
}

/** CRLs of the day, or responses for all but the CA itself. */
function statusOn(on: string, sample: Sample, issued: readonly Issued[]): Partial<Raising> {
  if (sample.status === 'CRL') return {};
  const thisUpdate = day(on);
  const nextUpdate = thisUpdate.add({ hours: 7 * 24 });
  const good = { status: 'good', thisUpdate, nextUpdate } as const;
  return {
    crls: crlsOf(on).slice(0, 1),
    material: {
      ocspResponses: [...issued, ...Object.values(tsus)].map((certificate) =>
        issueOcspResponse({
          issuer: ca,
          producedAt: thisUpdate,
          entries: [{ certificate, ...good }],
        }),
      ),
    },
  };
}

/** The document as signed and after each step. */
export async function statesOf(sample: Sample): Promise<readonly SampleState[]> {
  const { cms, issued } = sample.make?.() ?? signed(sample);
  let octets = cms;
  const states: SampleState[] = [{ sample, step: 0, octets, content: testContent, offences: [] }];
  for (const [index, step] of steps.entries()) {
    const raising: Raising = {
      ...step,
      ...statusOn(step.on, sample, issued),
      ...(sample.detached && { content: testContent }),
    };
    const after = await raised(octets, raising);
    const { offences } = readBack(octets, after, raising);
    states.push({ sample, step: index + 1, octets: after, content: testContent, offences });
    octets = after;
  }
  return states;
}
