// The files of an evidence pack from what was collected, in a fixed order: the same archive at the same
// instant gives the same octets. Layout in docs/formats.md, "Evidence pack".
import { laterHorizon, type ProofHorizon } from '#shared/validation/proof-horizon.ts';
import { type VerdictStatus, worstOf } from '#shared/validation/verdict.ts';
import { countWitnesses } from '../evidence/independence.ts';
import type { Typefaces } from '../pdf/fonts.ts';
import type { CollectedPack, CollectedRecord } from './collect.ts';
import {
  ocspQuestionFiles,
  packList,
  pemFile,
  sumsFile,
  textFile,
  type PackFile,
} from './pack-files.ts';
import { verdictPaper, type PackVerdict } from './verdict-paper.ts';

export type PackDescription = {
  readonly archiveId: string;
  readonly store: string;
  readonly key: string;
  readonly at: Temporal.Instant;
  /** The script that checks the pack, as it is shipped. */
  readonly script: Uint8Array;
  readonly typefaces: Typefaces;
};

export type BuiltPack = { readonly files: readonly PackFile[]; readonly status: VerdictStatus };

const readme = `Evidence pack / 証拠パック

  sh verify.sh [ANCHORS.pem]

checks with OpenSSL and POSIX tools, without a network, that the evidence records (RFC 4998) cover the
document and that their timestamps hold. Trust is yours to give: compare the fingerprints of
trust/anchors.pem with those that the time-stamping authority publishes, or give your own file.

ネットワークなしに、OpenSSL と POSIX のツールだけで、証拠レコード(RFC 4998)が文書を対象としていること、
タイムスタンプが有効であることを検証します。trust/anchors.pem のフィンガープリントを時刻認証局の公表値と
照合するか、ご自身のトラストアンカーのファイルを指定してください。

  document/          the document / 文書
  group/             what is proved with it: signatures, validation data / ともに証明されるもの
  record-N.ers       evidence records, one for each TSA / 証拠レコード(TSA ごと)
  record-N.xml       one in XML (RFC 6283), which verify.sh does not read / XML 形式の証拠レコード(verify.sh の対象外)
  certificates.pem, crls.pem, ocsp/    validation data / 検証データ
  trust/anchors.pem  trust anchors as the archive had them / アーカイブのトラストアンカー
  verdict.json, verdict.ja.pdf, verdict.en.pdf    the verdict at packing / 作成時の検証結果
  pack.json, pack.txt, SHA256SUMS      what is here / 内容の一覧
`;

function recordLine({ name, members, takenOver, place }: CollectedRecord): object {
  const { position, batch } = place;
  return {
    name,
    members,
    anchor: batch.anchor,
    batchId: position.batchId,
    index: position.index,
    ...(takenOver && { takenOver }),
    provableUntil: batch.horizon?.toString(),
  };
}

/** The latest horizon of the records that are not broken. */
function horizonOf(records: readonly CollectedRecord[]): ProofHorizon | undefined {
  const sound = records.filter(({ place }) => place.batch.state !== 'broken');
  const horizons = sound.map(({ place: { batch } }) => ({
    at: batch.horizon,
    element: batch.horizonElement,
  }));
  return horizons.length > 0 ? horizons.reduce(laterHorizon) : undefined;
}

/** Every file of the pack and what its verdict came to. */
export async function buildPack(
  collected: CollectedPack,
  description: PackDescription,
): Promise<BuiltPack> {
  const { members, records, anchors, validationData, verdicts } = collected;
  const { archiveId, store, key, at, script, typefaces } = description;
  const horizon = horizonOf(records);
  const verdict: PackVerdict = {
    key,
    at: at.toString(),
    archiveId,
    provableUntil: horizon?.at?.toString(),
    endedBy: horizon && `${horizon.element.kind} ${horizon.element.name}`,
    trees: verdicts.map(({ tree }) => tree),
  };
  const status = worstOf(verdict.trees)?.status ?? 'indeterminate';
  const about = {
    format: 'tokiwa-pack',
    version: 1,
    archiveId,
    at: verdict.at,
    document: { store, key },
    members: members.map(({ key: name, role, file }) => ({ name: file.name, role, key: name })),
    records: records.map(recordLine),
    witnesses: countWitnesses(records.map(({ place }) => place.batch.newestToken.chain)),
  };
  const json = (value: unknown): Uint8Array =>
    new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`);
  const data = json({ ...verdict, status });
  const paper = (language: 'ja' | 'en') => verdictPaper(verdict, { language, data, typefaces });
  const raw = (elements: readonly { readonly raw: Uint8Array }[]) =>
    elements.map((each) => each.raw);
  const files: PackFile[] = [
    textFile('README.txt', readme),
    { name: 'verify.sh', octets: script },
    ...members.map(({ file }) => file),
    ...records.map(({ name, octets }) => ({ name, octets })),
    pemFile('trust/anchors.pem', 'CERTIFICATE', raw(anchors.map((each) => each.certificate))),
    pemFile('certificates.pem', 'CERTIFICATE', raw(validationData.certificates)),
    pemFile('crls.pem', 'X509 CRL', raw(validationData.crls)),
    ...validationData.ocspResponses.map(({ fingerprint, raw: octets }) => ({
      name: `ocsp/${fingerprint}.ors`,
      octets,
    })),
    ...ocspQuestionFiles(records),
    { name: 'verdict.json', octets: data },
    { name: 'verdict.ja.pdf', octets: await paper('ja') },
    { name: 'verdict.en.pdf', octets: await paper('en') },
    { name: 'pack.json', octets: json(about) },
    packList(at, records),
  ];
  return { files: [...files, sumsFile(files)], status };
}
