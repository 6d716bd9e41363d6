import test from 'ava';
import fc from 'fast-check';
import { oids } from '#shared/oid.ts';
import {
  finishPolicies,
  preparePolicies,
  processPolicies,
  startPolicies,
  userConstrainedPolicies,
} from '#shared/trust/certificate-policies.ts';
import type { PolicySettings } from '#shared/trust/certificate-policies.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import { issueRoot } from '../../_authority.ts';

const { certificate: template } = issueRoot();

type Spec = {
  readonly policies?: readonly string[];
  readonly mappings?: readonly (readonly [string, string])[];
  readonly explicit?: number;
  readonly inhibitMapping?: number;
  readonly inhibitAny?: number;
};

/** Only what the policy graph reads of a certificate. */
function certificate(spec: Spec): Certificate {
  const { policies, mappings, explicit, inhibitMapping, inhibitAny } = spec;
  return {
    ...template,
    ...(policies && {
      certificatePolicies: policies.map((policyIdentifier) => ({
        policyIdentifier,
        policyQualifiers: [],
      })),
    }),
    ...(mappings && {
      policyMappings: mappings.map(([issuerDomainPolicy, subjectDomainPolicy]) => ({
        issuerDomainPolicy,
        subjectDomainPolicy,
      })),
    }),
    policyConstraints: {
      ...(explicit !== undefined && { requireExplicitPolicy: explicit }),
      ...(inhibitMapping !== undefined && { inhibitPolicyMapping: inhibitMapping }),
    },
    ...(inhibitAny !== undefined && { inhibitAnyPolicy: inhibitAny }),
  };
}

/** Runs a path from the top down. */
function run(
  specs: readonly Spec[],
  settings: Partial<PolicySettings> = {},
  asked?: readonly string[],
) {
  const state = startPolicies({
    pathLength: specs.length,
    initialExplicitPolicy: false,
    initialAnyPolicyInhibit: false,
    initialPolicyMappingInhibit: false,
    ...settings,
  });
  specs.forEach((spec, index) => {
    const isFinal = index === specs.length - 1;
    const current = certificate(spec);
    processPolicies(state, current, { isFinal, isSelfIssued: false });
    if (isFinal) finishPolicies(state, current);
    else preparePolicies(state, current, false);
  });
  return { policies: userConstrainedPolicies(state, asked), explicit: state.explicitPolicy };
}

const A: string = '1.2.3.1';
const B: string = '1.2.3.2';
const any = oids.anyPolicy;

const rows: readonly (readonly [string, readonly Spec[], readonly string[]])[] = [
  ['one policy throughout', [{ policies: [A] }, { policies: [A, B] }], [A]],
  ['no policy in common', [{ policies: [A] }, { policies: [B] }], []],
  ['a certificate without policies', [{ policies: [A] }, {}, { policies: [A] }], []],
  ['anyPolicy throughout', [{ policies: [any] }, { policies: [any] }], [any]],
  ['anyPolicy above, one below', [{ policies: [any] }, { policies: [B] }], [B]],
  ['anyPolicy below keeps what is above', [{ policies: [A] }, { policies: [any] }], [A]],
  ['mapped policy', [{ policies: [A], mappings: [[A, B]] }, { policies: [B] }], [A]],
  ['mapped away', [{ policies: [A], mappings: [[A, B]] }, { policies: [A] }], []],
  [
    'mapped to two',
    [
      {
        policies: [A],
        mappings: [
          [A, A],
          [A, B],
        ],
      },
      { policies: [B] },
    ],
    [A],
  ],
  ['mapping of anyPolicy', [{ policies: [any], mappings: [[A, B]] }, { policies: [B] }], [A]],
  [
    'mapping inhibited',
    [
      { policies: [A], inhibitMapping: 0 },
      { policies: [A], mappings: [[A, B]] },
      { policies: [B] },
    ],
    [],
  ],
  ['anyPolicy inhibited', [{ policies: [A], inhibitAny: 0 }, { policies: [any] }], []],
  [
    'anyPolicy inhibited one deeper',
    [{ policies: [A], inhibitAny: 1 }, { policies: [any] }, { policies: [any] }],
    [],
  ],
];

for (const [title, specs, expected] of rows) {
  test(title, (t) => {
    t.deepEqual([...run(specs).policies].sort(), [...expected].sort());
  });
}

test('what is asked for narrows the result', (t) => {
  const specs = [{ policies: [A, B] }, { policies: [A, B] }];
  t.deepEqual(run(specs, {}, [B, '9.9']).policies, [B]);
  t.deepEqual(run([{ policies: [any] }, { policies: [any] }], {}, [A]).policies, [A]);
});

test('an explicit policy is demanded at once, later, or by the target itself', (t) => {
  t.is(run([{}, {}], { initialExplicitPolicy: true }).explicit, 0);
  t.is(run([{ explicit: 0 }, {}]).explicit, 0);
  t.is(run([{ explicit: 1 }, {}]).explicit, 0);
  t.is(run([{ explicit: 2 }, {}]).explicit, 1);
  t.is(run([{}, { explicit: 0 }]).explicit, 0);
  t.true(run([{}, { explicit: 1 }]).explicit > 0);
});

test('work grows with the extensions, not with the paths through them', (t) => {
  const size = 400;
  const policies = Array.from({ length: size }, (_, index) => `1.2.3.${index}`);
  const mappings = policies.flatMap((from, index) =>
    [0, 1, 2].map((step): readonly [string, string] => [from, `1.2.3.${(index + step) % size}`]),
  );
  const level = { policies, mappings };
  const started = process.cpuUsage();
  t.is(run(Array.from({ length: 12 }, () => level)).policies.length, size);
  const { user, system } = process.cpuUsage(started);
  t.true(user + system < 2_000_000);
});

test('the result never holds a policy that was not asked for', (t) => {
  const policy = fc.constantFrom(A, B, '1.2.3.3', any);
  const spec = fc.record(
    {
      policies: fc.uniqueArray(policy, { maxLength: 3 }),
      mappings: fc.array(
        fc.tuple(policy, policy).filter((pair) => !pair.includes(any)),
        { maxLength: 3 },
      ),
      inhibitAny: fc.nat(2),
      inhibitMapping: fc.nat(2),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(
      fc.array(spec, { minLength: 1, maxLength: 5 }),
      fc.uniqueArray(fc.constantFrom(A, B)),
      (specs, asked) => {
        for (const found of run(specs, {}, asked).policies) t.true(asked.includes(found));
        // Inhibiting anyPolicy never allows more.
        const inhibited = run(specs, { initialAnyPolicyInhibit: true }, asked).policies;
        const free = new Set(run(specs, {}, asked).policies);
        t.true(inhibited.every((found) => free.has(found)));
      },
    ),
  );
});
