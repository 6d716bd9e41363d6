// Certificate policies of a path: the valid policy graph of RFC 9618, which replaces the tree of
// RFC 5280 §6.1 with the same result in work that grows with the extensions, not with their product.
import { oids } from '#shared/oid.ts';
import type { Certificate } from '#shared/x509/certificate.ts';

/** One node: a policy at a depth, reached from every parent that expects it. */
type PolicyNode = {
  readonly policy: string;
  readonly parents: ReadonlySet<PolicyNode>;
  expected: ReadonlySet<string>;
};

type Level = Map<string, PolicyNode>;

/** State of §6.1.2 (a), (d), (e), (f) while walking a path from the anchor down. */
export type PolicyState = {
  /** Levels from depth 0; `undefined` is the NULL graph. */
  levels: Level[] | undefined;
  explicitPolicy: number;
  inhibitAnyPolicy: number;
  policyMapping: number;
};

export type PolicySettings = {
  readonly pathLength: number;
  readonly initialExplicitPolicy: boolean;
  readonly initialAnyPolicyInhibit: boolean;
  readonly initialPolicyMappingInhibit: boolean;
};

/** §6.1.2: counters start at 0 where inhibited, else beyond the path's length. */
export function startPolicies(settings: PolicySettings): PolicyState {
  const never = settings.pathLength + 1;
  const root: PolicyNode = {
    policy: oids.anyPolicy,
    parents: new Set(),
    expected: new Set([oids.anyPolicy]),
  };
  return {
    levels: [new Map([[oids.anyPolicy, root]])],
    explicitPolicy: settings.initialExplicitPolicy ? 0 : never,
    inhibitAnyPolicy: settings.initialAnyPolicyInhibit ? 0 : never,
    policyMapping: settings.initialPolicyMappingInhibit ? 0 : never,
  };
}

/** The nodes of a level by each policy that they expect below. */
function byExpectation(level: Level): Map<string, Set<PolicyNode>> {
  const index = new Map<string, Set<PolicyNode>>();
  for (const node of level.values()) {
    for (const policy of node.expected) {
      const nodes = index.get(policy) ?? new Set<PolicyNode>();
      nodes.add(node);
      index.set(policy, nodes);
    }
  }
  return index;
}

/** Drops nodes without children, from the last level up; a level that runs empty ends the graph. */
function prune(levels: Level[]): Level[] | undefined {
  for (let depth = levels.length - 1; depth > 0; depth--) {
    const parents = new Set<PolicyNode>();
    for (const node of levels[depth]?.values() ?? [])
      for (const parent of node.parents) parents.add(parent);
    const above = levels[depth - 1];
    if (!above || parents.size === 0) return undefined;
    for (const [policy, node] of above) if (!parents.has(node)) above.delete(policy);
  }
  return levels;
}

/** RFC 9618 §5.3 (d), (e): the level that this certificate's policies make. */
export function processPolicies(
  state: PolicyState,
  certificate: Certificate,
  place: { readonly isFinal: boolean; readonly isSelfIssued: boolean },
): void {
  const { certificatePolicies } = certificate;
  const above = state.levels?.at(-1);
  if (!certificatePolicies || !state.levels || !above) {
    state.levels = undefined;
    return;
  }
  const expectedAbove = byExpectation(above);
  const anyAbove = above.get(oids.anyPolicy);
  const level: Level = new Map();
  const add = (policy: string, parents: ReadonlySet<PolicyNode>): void => {
    level.set(policy, { policy, parents, expected: new Set([policy]) });
  };
  let hasAny = false;
  for (const { policyIdentifier: policy } of certificatePolicies) {
    if (policy === oids.anyPolicy) {
      hasAny = true;
      continue;
    }
    const parents = expectedAbove.get(policy);
    if (parents) add(policy, parents);
    else if (anyAbove) add(policy, new Set([anyAbove]));
  }
  const anyCounts = state.inhibitAnyPolicy > 0 || (!place.isFinal && place.isSelfIssued);
  if (hasAny && anyCounts) {
    for (const [policy, parents] of expectedAbove) if (!level.has(policy)) add(policy, parents);
  }
  state.levels = level.size > 0 ? prune([...state.levels, level]) : undefined;
}

/** §6.1.4 (b): mappings of a CA certificate. */
function applyMappings(state: PolicyState, certificate: Certificate): void {
  const { policyMappings } = certificate;
  const level = state.levels?.at(-1);
  const anyAbove = state.levels?.at(-2)?.get(oids.anyPolicy);
  if (!policyMappings || !state.levels || !level) return;
  const mapped = Map.groupBy(policyMappings, ({ issuerDomainPolicy }) => issuerDomainPolicy);
  for (const [policy, mappings] of mapped) {
    const node = level.get(policy);
    if (state.policyMapping === 0) {
      level.delete(policy);
      continue;
    }
    const expected = new Set(mappings.map(({ subjectDomainPolicy }) => subjectDomainPolicy));
    if (node) node.expected = expected;
    else if (level.has(oids.anyPolicy) && anyAbove)
      level.set(policy, { policy, parents: new Set([anyAbove]), expected });
  }
  state.levels = level.size > 0 ? prune(state.levels) : undefined;
}

/** §6.1.4 (b), (h), (i), (j): what a CA certificate says of those below. */
export function preparePolicies(
  state: PolicyState,
  certificate: Certificate,
  isSelfIssued: boolean,
): void {
  applyMappings(state, certificate);
  if (!isSelfIssued) {
    state.explicitPolicy = Math.max(0, state.explicitPolicy - 1);
    state.policyMapping = Math.max(0, state.policyMapping - 1);
    state.inhibitAnyPolicy = Math.max(0, state.inhibitAnyPolicy - 1);
  }
  const { requireExplicitPolicy, inhibitPolicyMapping } = certificate.policyConstraints ?? {};
  const { inhibitAnyPolicy } = certificate;
  state.explicitPolicy = Math.min(state.explicitPolicy, requireExplicitPolicy ?? Infinity);
  state.policyMapping = Math.min(state.policyMapping, inhibitPolicyMapping ?? Infinity);
  state.inhibitAnyPolicy = Math.min(state.inhibitAnyPolicy, inhibitAnyPolicy ?? Infinity);
}

/** §6.1.5 (a), (b): the target's own demand for an explicit policy. */
export function finishPolicies(state: PolicyState, target: Certificate): void {
  state.explicitPolicy = Math.max(0, state.explicitPolicy - 1);
  if (target.policyConstraints?.requireExplicitPolicy === 0) state.explicitPolicy = 0;
}

/** Policies under which the CAs allow the path: the authority-constrained set. RFC 9618 §5.5 (g). */
function authorityConstrained(levels: readonly Level[]): ReadonlySet<string> {
  if (levels.at(-1)?.has(oids.anyPolicy)) return new Set([oids.anyPolicy]);
  const policies = new Set<string>();
  for (const level of levels) {
    for (const { policy, parents } of level.values()) {
      const fromAny = [...parents].some((parent) => parent.policy === oids.anyPolicy);
      if (policy !== oids.anyPolicy && fromAny) policies.add(policy);
    }
  }
  return policies;
}

/** The user-constrained policy set, `{anyPolicy}` where nothing constrains it. RFC 9618 §5.5 (g). */
export function userConstrainedPolicies(
  state: PolicyState,
  userInitialPolicySet: readonly string[] = [oids.anyPolicy],
): readonly string[] {
  if (!state.levels) return [];
  const allowed = authorityConstrained(state.levels);
  if (userInitialPolicySet.includes(oids.anyPolicy)) return [...allowed];
  if (allowed.has(oids.anyPolicy)) return [...userInitialPolicySet];
  return userInitialPolicySet.filter((policy) => allowed.has(policy));
}
