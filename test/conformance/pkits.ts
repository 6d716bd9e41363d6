// NIST PKITS through the product: the folder's tests.json names target, material and inputs of each test
// and the result that the suite expects. Layout: the README beside it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { verifyCertificatePath } from '#shared/trust/verify-path.ts';
import { parseCertificate } from '#shared/x509/certificate.ts';
import { parseCertificateList } from '#shared/x509/crl.ts';
import type { ConformanceReport } from './_report.ts';

type PkitsTest = {
  readonly id: string;
  readonly title: string;
  readonly trustAnchor: string;
  readonly target: string;
  readonly chain: readonly string[];
  readonly extraCerts: readonly string[];
  readonly crls: readonly string[];
  readonly settings: {
    readonly initialExplicitPolicy: boolean;
    readonly initialPolicyMappingInhibit: boolean;
    readonly initialInhibitAnyPolicy: boolean;
    readonly userInitialPolicySet: readonly string[];
  };
  readonly validationTime: string;
  readonly expected: 'valid' | 'invalid';
  readonly expectedUserConstrainedPolicySet: readonly string[];
};

function runTest(dir: string, test: PkitsTest): ConformanceReport['results'][number] {
  const certificateAt = (file: string) => parseCertificate(readFileSync(join(dir, file)));
  const verdict = verifyCertificatePath({
    target: certificateAt(test.target),
    intermediates: [...test.chain, ...test.extraCerts].map(certificateAt),
    anchors: [{ certificate: certificateAt(test.trustAnchor) }],
    crls: test.crls.map((file) => parseCertificateList(readFileSync(join(dir, file)))),
    ocspResponses: [],
    at: Temporal.Instant.from(test.validationTime),
    purpose: 'any',
    revocationMode: 'require',
    userInitialPolicySet: test.settings.userInitialPolicySet,
    initialExplicitPolicy: test.settings.initialExplicitPolicy,
    initialPolicyMappingInhibit: test.settings.initialPolicyMappingInhibit,
    initialAnyPolicyInhibit: test.settings.initialInhibitAnyPolicy,
  });
  const policies = [...(verdict.certificatePolicies ?? [])].sort().join(' ');
  const expectedPolicies = [...test.expectedUserConstrainedPolicySet].sort().join(' ');
  const isValid = verdict.status === 'valid';
  const expected = isValidResult(test) ? `valid with policies ${expectedPolicies}` : 'invalid';
  const got = isValid ? `valid with policies ${policies}` : 'invalid';
  const reasons = verdict.findings.filter(({ level }) => level !== 'info');
  return {
    case: `${test.id} ${test.title}`,
    passed: got === expected,
    expected,
    got,
    note: reasons.map(({ check, message }) => `${check}: ${message}`).join(' '),
  };
}

function isValidResult(test: PkitsTest): boolean {
  return test.expected === 'valid';
}

/** Runs every test of the folder. */
export function run(dir: string): Promise<ConformanceReport> {
  const { tests } = JSON.parse(readFileSync(join(dir, 'tests.json'), 'utf8')) as {
    readonly tests: readonly PkitsTest[];
  };
  return Promise.resolve({ results: tests.map((test) => runTest(dir, test)) });
}
