// Entries to fill in: bundled services are a starting point, and none is accepted before it is confirmed.
import test from 'ava';
import { accreditationTemplate } from '#archiver/commands/accreditation.ts';
import { parseArchiverConfig } from '#archiver/config.ts';
import type { ConfigError } from '#shared/errors.ts';
import { bundledAccreditation, bundledServices } from '#shared/policy/bundled.ts';

const base = `state: state
stores: [{ kind: folder, name: documents, path: documents }]
tsa: { url: "http://127.0.0.1:1/", anchors: [a.pem] }
`;

for (const service of bundledServices.services)
  test(`${service.id}: refused as it stands, read once it is filled in`, (t) => {
    const template = accreditationTemplate(service);
    const error = t.throws<ConfigError>(() => parseArchiverConfig(base + template, 'tokiwa.yaml'));
    const keys = error.problems.map(({ key }) => key.replace(/^.*\./, ''));
    for (const key of ['anchors', 'tsaPolicies', 'confirmedBy', 'confirmedOn', 'document'])
      t.true(keys.includes(key), key);
    const filled = template
      .replace(/scheme: .*/, 'scheme: mic-2021-146')
      .replace(/from: .*/, 'from: 2023-02-16')
      .replace('anchors: []', `anchors: ["${'ab'.repeat(32)}"]`)
      .replace('tsaPolicies: []', 'tsaPolicies: ["1.2.3"]')
      .replace("confirmedBy: ''", 'confirmedBy: an officer')
      .replace('confirmedOn: YYYY-MM-DD', 'confirmedOn: 2026-04-01')
      .replace("document: ''", 'document: the list of March 2026');
    const { accreditation } = parseArchiverConfig(base + filled, 'tokiwa.yaml');
    t.is(accreditation.entries[0]?.name, service.service.ja);
  });

test('schemes of services are schemes that there are, or marked as doubtful', (t) => {
  const schemes = bundledAccreditation.schemes.map(({ id }) => id);
  for (const { id, schemes: own, confidence } of bundledServices.services)
    t.true(own.every((scheme) => schemes.includes(scheme)) || confidence === 'unverified', id);
});
