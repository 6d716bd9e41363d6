// Raises the signatures of one CAdES document to a level (EN 319 102-1 §4.3, EN 319 122-1 §6.3): verify, have
// signatures stamped, add the validation data that is missing, and have all of it stamped. Nothing is
// covered that does not verify, and nothing is bought before that is known.
import {
  archiveImprintV3,
  buildAtsHashIndexAttribute,
  buildAtsHashIndexV3,
  buildAttribute,
} from '#shared/cades/augment/archive-timestamp-v3.ts';
import {
  noAdditions,
  type SignedDataAdditions,
  type SignerAdditions,
  spliceSignedData,
} from '#shared/cades/augment/splice-signed-data.ts';
import { embeddedValidationData } from '#shared/cms/revocation-values.ts';
import { parseSignedData, type SignedData } from '#shared/cms/signed-data.ts';
import { digest } from '#shared/crypto/digest.ts';
import { applySplice } from '#shared/der/splice.ts';
import { derSequence } from '#shared/der/writer.ts';
import { InvariantError } from '#shared/errors.ts';
import { oids } from '#shared/oid.ts';
import { compareInstants } from '#shared/time.ts';
import { parseTimeStampToken } from '#shared/tsp/token.ts';
import type { DocumentReading } from '#shared/validation/inspect.ts';
import type { LongTermVerdict } from '#shared/validation/long-term.ts';
import { changedImprints } from './imprints.ts';
import { holdsOldArchive, placementOf } from './placement.ts';
import { ownSignatures, refused, unsupported } from './refusals.ts';
import { carriedBy, judgedAt, judgeDocument, offenceOf, readSigned } from './judge.ts';
import type { AugmentationOutcome, AugmentationQuestion, Refusal } from './types.ts';
import { gather, joined, lackOf, signedBy, without } from './validation-data.ts';

/** A verdict, and all the material that it stands on. */
type Known = {
  readonly verdict: LongTermVerdict;
  readonly material: AugmentationQuestion['material'] & {
    readonly reasons: ReadonlyMap<string, string>;
  };
};

class Raising {
  readonly #question: AugmentationQuestion;
  #additions: SignedDataAdditions = noAdditions;
  #tokens = 0;
  /** The result so far, as far as its octets are at hand. */
  #signedData: SignedData;

  constructor(question: AugmentationQuestion) {
    this.#question = question;
    this.#signedData = question.document.stored.signedData;
  }

  async run(): Promise<AugmentationOutcome> {
    const { level, resume, at } = this.#question;
    const before = this.#judge(this.#question.material);
    this.#latest = judgedAt(at, before.reading);
    const impossible = unsupported(before);
    if (impossible) return impossible;
    const known = await this.#judgeWithAll(before);
    const offence = offenceOf(known.verdict);
    if (offence) return this.#withReasons(offence, known.material.reasons);
    const unknown = this.#unknownContent();
    if (unknown) return unknown;
    if (resume) this.#add(resume);
    const problem = resume ? undefined : await this.#reachLT(before, known);
    if (problem) return problem;
    if (level === 'LTA') await this.#stampArchives();
    if (this.#additions === noAdditions) return { kind: 'nothing-to-do' };
    const { document } = this.#question;
    return {
      kind: 'raised',
      splice: spliceSignedData(document.stored, this.#additions),
      signedData: this.#signedData.raw,
      tokens: this.#tokens,
      findings: known.verdict.tree.findings,
    };
  }

  #contentDigest(): Uint8Array | undefined {
    const { digestAlgorithm, document } = this.#question;
    const { eContent } = document.stored.signedData;
    return eContent ? digest(digestAlgorithm, eContent) : document.content?.digest(digestAlgorithm);
  }

  /** Of content apart a caller may know digests alone: then the new one has to be among them. */
  #unknownContent(): Refusal | undefined {
    const { level, digestAlgorithm } = this.#question;
    return level === 'LTA' && !this.#contentDigest()
      ? refused('unsupported', `of the content no digest by ${digestAlgorithm} is at hand`)
      : undefined;
  }

  /** Signature timestamps and, beyond T, validation data. */
  async #reachLT(before: LongTermVerdict, known: Known): Promise<Refusal | undefined> {
    const unstamped = this.#unstamped(known.verdict);
    const isStamping = unstamped.includes(true);
    if (isStamping) {
      const { document } = this.#question;
      const bytes = this.#apply(this.#with({ signers: unstamped.map(placeholder) }));
      const first = imprintsTaken(before, readSigned(document, bytes));
      if (first) return first;
      await this.#stampSignatures(unstamped);
    }
    if (this.#question.level === 'T') return undefined;
    const now = isStamping ? await this.#judgeWithAll(this.#judge(this.#question.material)) : known;
    const problem = this.#addValidationData(before, now);
    if (problem) return problem;
    return this.#additions === noAdditions ? undefined : imprintsTaken(before, this.#reading());
  }

  /** With what sources give besides; judged again only where they gave something. */
  async #judgeWithAll(verdict: LongTermVerdict): Promise<Known> {
    const material = await this.#materialFor(verdict);
    const { crls, certificates, ocspResponses } = this.#question.material;
    const isMore =
      material.crls.length > crls.length ||
      material.certificates.length > certificates.length ||
      material.ocspResponses.length > ocspResponses.length;
    return { verdict: isMore ? this.#judge(material) : verdict, material };
  }

  /** What the octets at hand say: read once, however often they are judged. */
  #reading(): DocumentReading {
    const { raw } = this.#signedData;
    if (this.#read?.octets !== raw)
      this.#read = { octets: raw, reading: readSigned(this.#question.document, raw) };
    return this.#read.reading;
  }

  #read: { readonly octets: Uint8Array; readonly reading: DocumentReading } | undefined;

  #judge(material: AugmentationQuestion['material']): LongTermVerdict {
    const { document, at } = this.#question;
    const { raw } = this.#signedData;
    return judgeDocument(document, raw, material, this.#at(at), this.#reading());
  }

  /** Tokens of this run may be later than its beginning. */
  #at(at: Temporal.Instant): Temporal.Instant {
    return this.#latest ?? at;
  }

  #latest: Temporal.Instant | undefined;

  async #materialFor(verdict: LongTermVerdict): Promise<Known['material']> {
    const { material: given, statusSource, signal, at } = this.#question;
    const gathered = await gather(verdict, { given, statusSource, signal, at: this.#at(at) });
    return {
      ...given,
      certificates: [...given.certificates, ...gathered.certificates],
      crls: [...given.crls, ...gathered.crls],
      ocspResponses: [...given.ocspResponses, ...gathered.ocspResponses],
      reasons: gathered.reasons,
    };
  }

  #withReasons(refusal: Refusal, reasons: ReadonlyMap<string, string>): Refusal {
    return {
      ...refusal,
      missing: [...reasons].map(([subject, reason]) => ({ subject, reason })),
    };
  }

  /** All that is to be added so far, and more. */
  #with(more: Partial<SignedDataAdditions>): SignedDataAdditions {
    const additions = this.#additions;
    const count = this.#question.document.stored.signedData.signerInfos.length;
    return {
      certificates: [...additions.certificates, ...(more.certificates ?? [])],
      revocationInfo: [...additions.revocationInfo, ...(more.revocationInfo ?? [])],
      digestAlgorithms: [...additions.digestAlgorithms, ...(more.digestAlgorithms ?? [])],
      signers: Array.from({ length: count }, (_, index): SignerAdditions => {
        const [old, added] = [additions.signers[index], more.signers?.[index]];
        return {
          attributes: [...(old?.attributes ?? []), ...(added?.attributes ?? [])],
          token: added?.token ?? old?.token,
        };
      }),
    };
  }

  /** The octets at hand with the additions; the document itself is spliced once, at the end. */
  #apply(additions: SignedDataAdditions): Uint8Array {
    const { signedData } = this.#question.document.stored;
    const here = { signedData, length: signedData.raw.length };
    return applySplice(signedData.raw, spliceSignedData(here, additions));
  }

  #add(more: Partial<SignedDataAdditions>): void {
    this.#additions = this.#with(more);
    this.#signedData = parseSignedData(this.#apply(this.#additions));
  }

  async #obtain(imprint: Uint8Array): Promise<Uint8Array> {
    const { obtainToken, digestAlgorithm, signal } = this.#question;
    signal.throwIfAborted();
    const token = await obtainToken(digestAlgorithm, imprint);
    this.#tokens += 1;
    const { genTime } = parseTimeStampToken(token).tstInfo;
    const at = this.#at(this.#question.at);
    if (compareInstants(genTime, at) > 0) this.#latest = genTime;
    return token;
  }

  /** By signer, whether no timestamp covers its signature yet. */
  #unstamped({ facts, reading }: LongTermVerdict): readonly boolean[] {
    const stamped = new Set(
      reading.timestamps
        .filter(({ type }) => type === 'signature' || type === 'archive')
        .map(({ of }) => of),
    );
    return ownSignatures(facts).map(({ id }) => !stamped.has(id));
  }

  /** EN 319 122-1 §5.3: a signature timestamp each. */
  async #stampSignatures(unstamped: readonly boolean[]): Promise<void> {
    const { digestAlgorithm } = this.#question;
    const signers: SignerAdditions[] = [];
    for (const [index, { signature }] of this.#signedData.signerInfos.entries()) {
      const token = unstamped[index] && (await this.#obtain(digest(digestAlgorithm, signature)));
      signers.push({
        attributes: token ? [buildAttribute(oids.idAaSignatureTimeStampToken, token)] : [],
      });
    }
    this.#add({ signers });
  }

  /** EN 319 122-1 §6.3: what tells, without asking anyone, that all certificates held when they signed. */
  #addValidationData(before: LongTermVerdict, { verdict, material }: Known): Refusal | undefined {
    const { material: given, at } = this.#question;
    const carried = carriedBy(verdict.reading);
    // Data of signers stands beside the signature, that of TSUs may travel in their tokens.
    const beside = holdsOldArchive(verdict.reading)
      ? carried
      : embeddedValidationData(this.#signedData);
    const question = { given, at: this.#at(at) };
    const lacking = signedBy(verdict, question.at).flatMap(
      (by) => lackOf(by, by.purpose === 'tsu' ? carried : beside, material, question) ?? [],
    );
    const lack = without(joined(lacking), beside);
    const placed = placementOf(lack, before);
    if (placed) this.#add(placed);
    const alone = this.#judge({ ...given, certificates: [], crls: [], ocspResponses: [] });
    const offence = offenceOf(alone);
    return (
      offence &&
      this.#withReasons({ ...offence, reason: 'validation-data-missing' }, material.reasons)
    );
  }

  /** EN 319 122-1 §5.5.3: one archive timestamp for each signer, all over the same state. */
  async #stampArchives(): Promise<void> {
    const { digestAlgorithm, checkpoint } = this.#question;
    this.#add({ digestAlgorithms: [digestAlgorithm] });
    await checkpoint?.(this.#additions);
    const signedData = this.#signedData;
    const contentDigest = this.#contentDigest();
    if (!contentDigest)
      throw new InvariantError('ERR_INVARIANT_STATE', 'content without its digest');
    const signers: SignerAdditions[] = [];
    for (const signerInfo of signedData.signerInfos) {
      const atsHashIndex = buildAtsHashIndexV3(digestAlgorithm, signedData, signerInfo);
      const parts = { contentDigest, atsHashIndex };
      const token = parseTimeStampToken(
        await this.#obtain(archiveImprintV3(digestAlgorithm, signedData, signerInfo, parts)),
      );
      const stored = { signedData: token.signedData, length: token.raw.length };
      const indexed = applySplice(
        token.raw,
        spliceSignedData(stored, {
          ...noAdditions,
          signers: [{ attributes: [buildAtsHashIndexAttribute(atsHashIndex)] }],
        }),
      );
      signers.push({ attributes: [buildAttribute(oids.idAaEtsArchiveTimestampV3, indexed)] });
    }
    this.#add({ signers });
  }
}

/** Every older imprint is recomputed: what takes something from one of them is not added. */
function imprintsTaken({ reading }: LongTermVerdict, after: DocumentReading): Refusal | undefined {
  const changed = changedImprints(reading, after);
  return changed.length === 0
    ? undefined
    : refused(
        'imprint-changed',
        `what is added would take from earlier timestamps what they are over: ${changed.join(', ')}`,
      );
}

/** In the place of a signature timestamp, to see beforehand what it would change. */
function placeholder(isBare: boolean): SignerAdditions {
  const empty = buildAttribute(oids.idAaSignatureTimeStampToken, derSequence());
  return { attributes: isBare ? [empty] : [] };
}

/**
 * Raises every signature of a document. The document itself is not touched: the outcome holds what has
 * to be put into it, where nothing speaks against that.
 * @throws SourceError: the TSA gave no token; what `obtainToken` throws
 * @see EN 319 122-1 §6
 */
export function raise(question: AugmentationQuestion): Promise<AugmentationOutcome> {
  return new Raising(question).run();
}
