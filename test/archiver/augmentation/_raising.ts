// Raises documents of the long-term tests' world on simulated days: its signer, its TSUs one after the other,
// its CRLs as of the day.
import { parseSignedData } from '#shared/cms/signed-data.ts';
import type { DigestAlgorithm } from '#shared/crypto/digest.ts';
import { digest } from '#shared/crypto/digest.ts';
import { applySplice } from '#shared/der/splice.ts';
import type { ValidationData } from '#shared/ports/status-source.ts';
import { buildEvidenceForm } from '#shared/tsp/evidence-form.ts';
import type { GivenMaterial } from '#shared/validation/validation-material.ts';
import type { CertificateList } from '#shared/x509/crl.ts';
import { raise } from '#archiver/augmentation/raise.ts';
import { type ReadBack, readBackAugmented } from '#archiver/augmentation/read-back.ts';
import type {
  AugmentationLevel,
  AugmentationOutcome,
  CadesDocument,
  Raised,
} from '#archiver/augmentation/types.ts';
import { anchorOf } from '../../_authority.ts';
import { ca, crlsOf, root, stamp, type TsuName } from '../../shared/validation/_world.ts';

export const day = (text: string): Temporal.Instant => Temporal.Instant.from(`${text}T00:00:00Z`);

export type Raising = {
  /** Day of the run, and of its tokens. */
  readonly on: string;
  readonly tsu?: TsuName;
  readonly level?: AugmentationLevel;
  readonly algorithm?: DigestAlgorithm;
  /** Detached content. */
  readonly content?: Uint8Array | undefined;
  /** Those of the day unless given. */
  readonly crls?: readonly CertificateList[];
  readonly material?: Partial<GivenMaterial>;
};

export function documentOf(octets: Uint8Array, content?: Uint8Array): CadesDocument {
  return {
    name: 'document',
    stored: { signedData: parseSignedData(octets), length: octets.length },
    ...(content && {
      content: { digest: (algorithm) => digest(algorithm, content), octets: () => content },
    }),
  };
}

export function materialOf({ on, crls, material }: Raising): GivenMaterial {
  const anchors = [anchorOf(root)];
  return {
    signerAnchors: anchors,
    tsuAnchors: anchors,
    certificates: [],
    crls: crls ?? crlsOf(on),
    ocspResponses: [],
    revocationMode: 'require',
    ...material,
  };
}

const nothing: ValidationData = { certificates: [], crls: [], ocspResponses: [], missing: [] };

/** What raising comes to, and how many tokens were asked for. */
export function tryToRaise(
  octets: Uint8Array,
  raising: Raising,
): Promise<{ readonly outcome: AugmentationOutcome; readonly asked: number }> {
  return raiseAndCount(documentOf(octets, raising.content), raising);
}

async function raiseAndCount(
  document: CadesDocument,
  raising: Raising,
): Promise<{ readonly outcome: AugmentationOutcome; readonly asked: number }> {
  const { on, tsu = 'first', level = 'LTA', algorithm = 'SHA-256' } = raising;
  const material = materialOf(raising);
  let asked = 0;
  const outcome = await raise({
    document,
    level,
    digestAlgorithm: algorithm,
    at: day(on),
    material,
    statusSource: { certificatesAndCrlsFor: () => Promise.resolve(nothing) },
    obtainToken: (imprintAlgorithm, imprint) => {
      asked += 1;
      return Promise.resolve(
        buildEvidenceForm(stamp(tsu, on, imprint, imprintAlgorithm), {
          certificates: [ca.certificate, root.certificate],
          crls: material.crls,
          ocspResponses: material.ocspResponses,
        }),
      );
    },
    signal: new AbortController().signal,
  });
  return { outcome, asked };
}

/** What has to be done to the document. @throws Error: it was not raised */
export async function raiseDocument(document: CadesDocument, raising: Raising): Promise<Raised> {
  const { outcome } = await raiseAndCount(document, raising);
  if (outcome.kind === 'raised') return outcome;
  throw new Error(`${outcome.kind} ${outcome.kind === 'refused' ? outcome.message : ''}`);
}

/** The raised document. @throws Error: it was not raised */
export async function raised(octets: Uint8Array, raising: Raising): Promise<Uint8Array> {
  const { splice } = await raiseDocument(documentOf(octets, raising.content), raising);
  return applySplice(octets, splice);
}

/** The result judged afresh, with the CRLs of the day. */
export function readBack(before: Uint8Array, after: Uint8Array, raising: Raising): ReadBack {
  const { on, level = 'LTA', algorithm = 'SHA-256', content } = raising;
  const state = (octets: Uint8Array) => ({
    name: 'document',
    signedData: octets,
    content: documentOf(octets, content).content,
  });
  return readBackAugmented(state(before), state(after), {
    level,
    digestAlgorithm: algorithm,
    material: materialOf(raising),
    at: day(on),
  });
}

/** A copy with the last bit of one octet turned over. */
export function turned(whole: Uint8Array, place: number): Uint8Array {
  const octets = Uint8Array.from(whole);
  octets[place] = (octets[place] ?? 0) ^ 1;
  return octets;
}

/** The last octet of `part` in `whole` turned over. */
export function flipped(whole: Uint8Array, part: Uint8Array | undefined): Uint8Array {
  return turned(whole, Buffer.from(whole).indexOf(part ?? '') + (part?.length ?? 0) - 1);
}
