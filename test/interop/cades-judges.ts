// Raised CAdES signatures before EU DSS and OpenSSL: at each step of a simulated clock every signature at LTA and
// intact, every imprint found and intact. One changed octet in what is covered is noticed by us and by EU DSS.
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { readCades } from '#shared/cades/read.ts';
import type { ConformanceReport, ConformanceResult } from '../conformance/_report.ts';
import { readBack } from '../archiver/augmentation/_raising.ts';
import { root } from '../shared/validation/_world.ts';
import { fewSamples, type Sample, type SampleState, statesOf, steps } from './_cades-samples.ts';
import { flipIn } from './_damage.ts';
import { askDss, type DssCades, dssOffences } from './_dss-cades.ts';

const run = promisify(execFile);

/** OpenSSL on the signatures as of their time; it has no Ed25519 in CMS. */
async function opensslAccepts(
  { sample, octets, content }: SampleState,
  folder: string,
): Promise<boolean | 'not asked'> {
  if (sample.key === 'Ed25519') return 'not asked';
  const files = ['state.p7m', 'content', 'root.pem'].map((name) => path.join(folder, name));
  const [file = '', data = '', anchor = ''] = files;
  await Promise.all([writeFile(file, octets), writeFile(data, content)]);
  const pem = Buffer.from(root.certificate.raw).toString('base64');
  await writeFile(anchor, `-----BEGIN CERTIFICATE-----\n${pem}\n-----END CERTIFICATE-----\n`);
  const at = Temporal.Instant.from('2026-06-01T00:00:00Z').epochMilliseconds / 1000;
  try {
    await run('openssl', [
      ...['cms', '-verify', '-binary', '-inform', 'DER', '-in', file, '-CAfile', anchor],
      ...['-purpose', 'any', '-attime', String(at), '-out', '/dev/null'],
      ...(sample.detached ? ['-content', data] : []),
    ]);
    return true;
  } catch (error) {
    // A number is its exit status: a verdict. Anything else is an OpenSSL that could not be run.
    if (error instanceof Error && 'code' in error && typeof error.code === 'number') return false;
    throw error;
  }
}

/** The last state with one octet changed in each part that is covered. */
function damaged(state: SampleState): readonly (SampleState & { readonly part: string })[] {
  const { octets, content, sample } = state;
  const [signature] = readCades(octets).signatures;
  if (!signature) throw new Error('no signature');
  const [signer] = signature.signerInfo.signedAttrs ? [signature.signerInfo] : [];
  const token = (type: string): Uint8Array | undefined =>
    signature.timestamps.find((one) => one.type === type)?.token.signedData.signerInfos[0]
      ?.signature;
  const certificate = readCades(octets).signedData.certificates.find(
    ({ serialNumber }) =>
      signer?.sid.kind === 'issuer-and-serial-number' && signer.sid.serialNumber === serialNumber,
  );
  const parts: readonly (readonly [string, Uint8Array | undefined])[] = [
    ['signature', signature.signerInfo.signature],
    ['signed attributes', signature.signerInfo.signedAttrs?.raw],
    ['certificate', certificate?.raw],
    ['signature timestamp', token('signature')],
    ['first archive timestamp', token('archive')],
  ];
  const inside = parts.map(([part, found]) => ({
    ...state,
    part,
    octets: flipIn(octets, found ?? new Uint8Array()),
  }));
  const other = sample.detached
    ? { content: flipIn(content, content) }
    : { octets: flipIn(octets, content) };
  return [...inside, { ...state, part: 'content', ...other }];
}

async function judgeState(
  state: SampleState,
  answer: DssCades,
  folder: string,
): Promise<ConformanceResult> {
  const { sample, step, offences } = state;
  const openssl = await opensslAccepts(state, folder);
  const against = dssOffences(answer);
  const own = answer.signatures.filter(({ counterSignature }) => !counterSignature);
  const levels = own.map(({ format }) => format);
  const isRaised = step === 0 || levels.every((level) => level === 'CAdES-BASELINE-LTA');
  return {
    case: `${sample.name}, ${step === 0 ? 'as signed' : `step ${step} by ${steps[step - 1]?.algorithm ?? ''}`}`,
    passed:
      offences.length + against.length === 0 &&
      isRaised &&
      levels.length === sample.signers &&
      answer.signatures.length === sample.signers + (sample.countersigned ?? 0) &&
      openssl !== false,
    expected: 'LTA and intact before all',
    got: `ours: ${offences.join('; ') || 'good'}; EU DSS: ${[...new Set(levels)].join(' ')} ${against.join(', ')}; openssl cms: ${openssl}`,
  };
}

function judgeDamage(
  before: SampleState,
  state: SampleState & { readonly part: string },
  answer: DssCades,
): ConformanceResult {
  const { sample, octets, content, part } = state;
  const last = steps.at(-1);
  if (!last) throw new Error('no steps');
  let ours: readonly string[];
  try {
    ours = readBack(before.octets, octets, {
      ...last,
      ...(sample.detached && { content }),
    }).offences;
  } catch (error) {
    ours = [String(error)];
  }
  const against = dssOffences(answer);
  return {
    case: `${sample.name}, ${part} changed`,
    passed: ours.length > 0 && against.length > 0,
    expected: 'noticed by both',
    got: `ours: ${ours[0] ?? 'nothing'}; EU DSS: ${against.join(', ') || 'nothing'}`,
  };
}

/** The samples at every step, and the last state of each damaged. */
export async function judgeCades(
  oracle: string,
  samples: readonly Sample[] = fewSamples,
): Promise<ConformanceReport> {
  const folder = await mkdtemp(path.join(tmpdir(), 'tokiwa-cades-'));
  try {
    const results: ConformanceResult[] = [];
    const states: SampleState[] = [];
    for (const sample of samples) states.push(...(await statesOf(sample)));
    const lasts = states.filter(({ step }) => step === steps.length);
    const changed = lasts.flatMap((before) => damaged(before).map((state) => ({ before, state })));
    const asked = [...states, ...changed.map(({ state }) => state)];
    const answers = await askDss(
      oracle,
      asked.map(({ sample, octets, content }) => ({
        octets,
        ...(sample.detached && { content }),
      })),
      { folder, anchor: root.certificate },
    );
    for (const [index, state] of states.entries()) {
      const answer = answers[index];
      if (answer) results.push(await judgeState(state, answer, folder));
    }
    for (const [index, { before, state }] of changed.entries()) {
      const answer = answers[states.length + index];
      if (answer) results.push(judgeDamage(before, state, answer));
    }
    return { results };
  } finally {
    await rm(folder, { recursive: true });
  }
}
