// An attached signature far larger than what may be held, raised to LTA in a night: a new version in which the earlier
// one stands whole, and the memory of the process bounded.
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { differences } from '#archiver/augmentation/compare.ts';
import { parseSignedData } from '#shared/cms/signed-data.ts';
import type { ConformanceResult } from '../conformance/_report.ts';
import { issueCrl, issueRoot, issueSigner } from '../_authority.ts';
import { buildTestCms } from '../_cms.ts';
import { createArchive } from '../archiver/night/_night.ts';

const script = fileURLToPath(new URL('../archiver/night/_large-night.ts', import.meta.url));
const mebibyte = 1024 * 1024;
const contentLength = 192 * mebibyte;
const inspectLimitBytes = 16 * mebibyte;
/** Node with Tokiwa loaded takes about 170 MiB: the document held once would not fit. */
const most = 340 * mebibyte;

type Night = { readonly outcome: string; readonly maxResidentBytes: number };

/** One night over one signature, in a process of its own so that nothing else is measured. */
export async function augmentLargeSignature(): Promise<readonly ConformanceResult[]> {
  const root = issueRoot();
  await using archive = await createArchive({
    inspectLimitBytes,
    signers: { anchors: ['root.der'], crls: ['root.crl'] },
    retention: { rules: [{ match: '.*', preset: 'jp-medical-record', renewal: 'augmentation' }] },
  });
  const crl = issueCrl({ issuer: root, thisUpdate: '2027-01-09T00:00:00Z' });
  await archive.put('../root.der', root.certificate.raw);
  await archive.put('../root.crl', crl.raw);
  const content = new Uint8Array(contentLength).fill(0x41);
  const before = buildTestCms({ signer: issueSigner(root), content });
  await archive.put('scan.p7m', before);
  const at = archive.clock.now().toString();
  const args = [script, await archive.writeConfig(), at];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  const { outcome, maxResidentBytes } = JSON.parse(stdout) as Night;
  const after = await readFile(path.join(archive.documents, 'scan.p7m'));
  const changed = differences(parseSignedData(before), parseSignedData(new Uint8Array(after)));
  const { facts, state } = await archive.row('scan.p7m');
  const got = [outcome, state, facts.level, ...changed].join(', ');
  const expected = 'ok, protected, LTA';
  const inMebibytes = (size: number): string => `${Math.round(size / mebibyte)} MiB`;
  return [
    {
      case: `a signature of ${inMebibytes(before.length)}`,
      passed: got === expected,
      expected,
      got,
    },
    {
      case: 'its memory',
      passed: maxResidentBytes <= most,
      expected: `at most ${inMebibytes(most)}`,
      got: inMebibytes(maxResidentBytes),
    },
  ];
}
