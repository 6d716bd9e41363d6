// `policy diff` over a catalogue of many documents: what a changed algorithm policy, and an anchor of signers that
// moves to another class, would move.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openSqliteCatalogue } from '#archiver/adapters/sql-catalogue.ts';
import { parseArchiverConfig } from '#archiver/config.ts';
import { type Side, compareConfigurations } from '#archiver/reports/difference.ts';
import { reportRules } from '#archiver/reports/write.ts';
import { horizonRules } from '#archiver/trust.ts';
import { oids } from '#shared/oid.ts';
import type { AnchorClass } from '#shared/trust/anchors.ts';
import { keyDigest } from '#shared/validation/signer-qualification.ts';
import { signersUnder } from '#shared/validation/signer-trust.ts';
import { issueRoot } from '../test/_authority.ts';
import {
  at,
  batchRow,
  documentRow,
  signature,
  signerFacts,
} from '../test/archiver/reports/_archive.ts';

const optionAt = process.argv.indexOf('--documents');
const documents = optionAt < 0 ? 100_000 : Number(process.argv[optionAt + 1]);
const batches = 200;
/** Starts of retention: about eight years of days. */
const days = 3000;

const root = issueRoot().certificate;
const signers = {
  qualification: { anchorClass: 'accredited', anchor: root.fingerprint, licences: [] },
  signerPath: {
    certificates: [
      { fingerprint: 'cc'.repeat(32), policies: [oids.hpkiCPSignature] },
      { fingerprint: 'dd'.repeat(32), policies: [oids.hpkiCPSignature] },
      { fingerprint: root.fingerprint, policies: [] },
    ],
    notBefore: '2028-01-01T00:00:00Z',
    anchorKey: keyDigest(root),
  },
} as const;

function side(anchorClass: AnchorClass, algorithms = ''): Side {
  const config = parseArchiverConfig(
    `state: state
stores: [{ kind: folder, name: documents, path: documents }]
tsa: { url: "http://127.0.0.1:1/", anchors: [a.pem] }
retention: { rules: [{ match: ".", preset: jp-medical-record }] }
${algorithms}`,
    'tokiwa.yaml',
  );
  const trust = signersUnder([{ certificate: root, class: anchorClass }], false);
  return { config, rules: reportRules(config, trust), horizonRules: horizonRules(config) };
}

const folder = await mkdtemp(path.join(tmpdir(), 'tokiwa-bench-'));
try {
  await using catalogue = await openSqliteCatalogue(path.join(folder, 'catalogue.sqlite'));
  const first = Temporal.PlainDate.from('2022-01-01');
  await catalogue.transaction(async () => {
    for (let batch = 0; batch < batches; batch++) await catalogue.putBatch(batchRow(`b${batch}`));
    for (let index = 0; index < documents; index++) {
      const start = first.add({ days: index % days }).toString();
      const isSigned = index % 3 === 0;
      const { retention } = documentRow('');
      const documentId = await catalogue.addDocument(
        documentRow(`charts/${index % 100}/${index}.pdf`, {
          sha256: index.toString(16).padStart(64, '0'),
          retention: { ...retention, sidecar: { presets: undefined, events: { start } } },
          ...(isSigned && {
            facts: signerFacts,
            intake: {
              status: 'valid',
              at: at.toString(),
              signatures: [signature('valid', signers)],
            },
          }),
        }),
      );
      const batchId = `b${index % batches}`;
      await catalogue.addMemberships([{ documentId, batchId, groupIndex: index, active: true }]);
    }
  });
  const to = side(
    'other',
    'algorithms: { overrides: [{ algorithm: SHA-256, endExclusive: 2032-01-01 }] }',
  );
  const before = process.cpuUsage();
  const start = performance.now();
  const { moved, byAspect } = await compareConfigurations(
    catalogue,
    { from: side('accredited'), to },
    { at, maxExamples: 10, signal: new AbortController().signal },
  );
  const { user, system } = process.cpuUsage(before);
  const seconds = (performance.now() - start) / 1000;
  process.stdout.write(
    `${moved} of ${documents} documents would move, ${byAspect.signers?.documents ?? 0} of them by their signers: ${seconds.toFixed(1)} s, ${((user + system) / 1e6).toFixed(1)} s of processor time\n`,
  );
} finally {
  await rm(folder, { recursive: true });
}
