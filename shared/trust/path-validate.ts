// Validates one path (RFC 5280 §6.1, with the policy graph of RFC 9618): moves the state from the anchor
// down, runs the list of checks on every certificate and gathers what they say. Revocation, which §6.1.3
// (a)(3) places here, is decided in revocation.ts from its own material.
import { parsePublicKey, withKeyAlgorithm } from '#shared/crypto/public-key.ts';
import { FormatError } from '#shared/errors.ts';
import { oids } from '#shared/oid.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import type { NameConstraints } from '#shared/x509/certificate-extensions.ts';
import { namesMatch } from '#shared/x509/name.ts';
import type { Name } from '#shared/x509/name.ts';
import type { AnchorCheck } from './anchor-checks.ts';
import type { TrustAnchor } from './anchors.ts';
import { certificateFacts, certificateLabel } from './certificate-label.ts';
import {
  finishPolicies,
  preparePolicies,
  processPolicies,
  startPolicies,
  userConstrainedPolicies,
} from './certificate-policies.ts';
import type { PolicyState } from './certificate-policies.ts';
import type { ProfileRule } from './certificate-profile.ts';
import type { Finding, FindingLevel } from './finding.ts';
import type { CandidatePath } from './path-build.ts';
import type { PathCheck, PathStep } from './path-checks.ts';
import { allPathChecks } from './path-check-lists.ts';
import type { PathCheckLists } from './path-check-lists.ts';
import type { PathInputs } from './path-query.ts';
import type { WorkBudget } from './work-budget.ts';

export type PathValidation = {
  /** All that is wrong or remarkable, from the anchor down; valid where none has the level `error`. */
  readonly findings: readonly Finding[];
  /** The user-constrained policy set (§6.1.6). */
  readonly certificatePolicies: readonly string[];
  /** The key of each certificate of the path, inherited parameters included; the anchor last. */
  readonly workingKeys: readonly Uint8Array[];
};

type State = {
  name: Name;
  key: Uint8Array;
  maxPathLength: number;
  readonly nameConstraints: NameConstraints[];
  readonly policies: PolicyState;
};

function finding(
  rule: { readonly name: string; readonly clause: string },
  level: FindingLevel,
  certificate: Certificate,
  what: string,
): Finding {
  return {
    check: rule.name,
    clause: rule.clause,
    level,
    message: `${certificateLabel(certificate)} ${what}.`,
    facts: certificateFacts(certificate),
  };
}

function checkProfile(
  certificate: Certificate,
  place: 'anchor' | 'issued',
  rules: readonly ProfileRule[],
  inputs: PathInputs,
): Finding[] {
  const level = inputs.certificateProfile === 'enforce' ? 'error' : 'warning';
  return rules.flatMap((rule) => {
    if (rule.appliesTo !== 'every' && rule.appliesTo !== place) return [];
    const what = rule.check(certificate);
    return what === undefined ? [] : [finding(rule, level, certificate, what)];
  });
}

function checkAnchor(
  anchor: TrustAnchor,
  second: Temporal.Instant,
  checks: readonly AnchorCheck[],
): Finding[] {
  return checks.flatMap((check) => {
    const what = check.check(anchor, second);
    return what === undefined ? [] : [finding(check, 'error', anchor.certificate, what)];
  });
}

/** §6.1.4 (d) to (f): DSA parameters come from above where a key of the same kind leaves them out. */
function inheritParameters({ key, publicKey: spki }: Certificate, above: Uint8Array): Uint8Array {
  if (key.kind !== 'DSA' || key.bits > 0) return spki;
  try {
    const own = parsePublicKey(spki);
    const upper = parsePublicKey(above);
    return upper.algorithm.oid === oids.idDsa && upper.facts.bits > 0
      ? withKeyAlgorithm(own, upper.algorithm)
      : spki;
  } catch (error) {
    if (error instanceof FormatError) return spki;
    throw error;
  }
}

/** §6.1.4 (c) to (m): what this CA certificate means for those below. */
function prepareNext(state: State, certificate: Certificate, isSelfIssued: boolean): void {
  const { nameConstraints, basicConstraints } = certificate;
  preparePolicies(state.policies, certificate, isSelfIssued);
  state.name = certificate.subject;
  if (nameConstraints) state.nameConstraints.push(nameConstraints);
  if (!isSelfIssued) state.maxPathLength -= 1;
  const limit = basicConstraints?.pathLenConstraint;
  if (limit !== undefined) state.maxPathLength = Math.min(state.maxPathLength, limit);
}

function startState(path: CandidatePath, inputs: PathInputs): State {
  const { certificate } = path.anchor;
  const pathLength = path.certificates.length - 1;
  const { initialPermittedSubtrees = [], initialExcludedSubtrees = [] } = inputs;
  const initial: NameConstraints = {
    permittedSubtrees: initialPermittedSubtrees,
    excludedSubtrees: initialExcludedSubtrees,
  };
  const given = initialPermittedSubtrees.length + initialExcludedSubtrees.length > 0;
  const limits = [inputs.maxPathLength, certificate.basicConstraints?.pathLenConstraint];
  return {
    name: certificate.subject,
    key: certificate.publicKey,
    maxPathLength: Math.min(pathLength, ...limits.filter((limit) => limit !== undefined)),
    nameConstraints: [
      ...(given ? [initial] : []),
      ...(certificate.nameConstraints ? [certificate.nameConstraints] : []),
    ],
    policies: startPolicies({
      pathLength,
      initialExplicitPolicy: inputs.initialExplicitPolicy ?? false,
      initialAnyPolicyInhibit: inputs.initialAnyPolicyInhibit ?? false,
      initialPolicyMappingInhibit: inputs.initialPolicyMappingInhibit ?? false,
    }),
  };
}

function appliesTo(check: PathCheck, isFinal: boolean): boolean {
  if (check.appliesTo === 'every') return true;
  return check.appliesTo === (isFinal ? 'target' : 'issuer');
}

/** Whether a path of one has the right purpose: nothing else is asked of an anchor used directly. */
function checkDirectAnchor(step: PathStep, checks: readonly PathCheck[]): Finding[] {
  return checks.flatMap((check) => {
    if (check.appliesTo !== 'target') return [];
    const what = check.check(step);
    return what === undefined ? [] : [finding(check, 'error', step.certificate, what)];
  });
}

/**
 * Validates a path as of `inputs.at`. Reads nothing but its arguments; the budget bounds how many
 * signatures are verified.
 * @see RFC 5280 §6.1
 */
export function validatePath(
  path: CandidatePath,
  inputs: PathInputs,
  budget: WorkBudget,
  checks: PathCheckLists = allPathChecks,
): PathValidation {
  const second = inputs.at.round({ smallestUnit: 'second', roundingMode: 'floor' });
  const state = startState(path, inputs);
  const { anchor, certificates } = path;
  const findings = [
    ...checkAnchor(anchor, second, checks.anchor),
    ...checkProfile(
      anchor.certificate,
      certificates.length > 1 ? 'anchor' : 'issued',
      checks.profile,
      inputs,
    ),
  ];
  const workingKeys: Uint8Array[] = [state.key];
  const stepOf = (certificate: Certificate, isFinal: boolean): PathStep => ({
    certificate,
    isFinal,
    isSelfIssued: namesMatch(certificate.issuer, certificate.subject),
    inputs,
    second,
    workingIssuerName: state.name,
    workingPublicKey: state.key,
    publicKey: inheritParameters(certificate, state.key),
    nameConstraints: state.nameConstraints,
    policies: state.policies,
    maxPathLength: state.maxPathLength,
    budget,
  });
  for (let index = certificates.length - 2; index >= 0; index--) {
    const certificate = certificates[index];
    if (!certificate) break;
    const isFinal = index === 0;
    const step = stepOf(certificate, isFinal);
    processPolicies(state.policies, certificate, step);
    if (isFinal) finishPolicies(state.policies, certificate);
    findings.push(...checkProfile(certificate, 'issued', checks.profile, inputs));
    for (const check of checks.path) {
      if (!appliesTo(check, isFinal)) continue;
      const what = check.check(step);
      if (what !== undefined) findings.push(finding(check, 'error', certificate, what));
    }
    if (!isFinal) prepareNext(state, certificate, step.isSelfIssued);
    state.key = step.publicKey;
    workingKeys.unshift(state.key);
  }
  const [target] = certificates;
  if (target && certificates.length === 1)
    findings.push(...checkDirectAnchor(stepOf(target, true), checks.path));
  const certificatePolicies = userConstrainedPolicies(state.policies, inputs.userInitialPolicySet);
  return { findings, certificatePolicies, workingKeys };
}
