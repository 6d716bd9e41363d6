// Name constraints (RFC 5280 §4.2.1.10): which names the CAs above allow. Each constraint extension of
// the path is kept as it stands and a name must fit every one of them, which is the intersection and
// union of §6.1.4 (g) without having to compute either.
import { toHex } from '#shared/bytes.ts';
import { oids } from '#shared/oid.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import type { GeneralSubtree, NameConstraints } from '#shared/x509/certificate-extensions.ts';
import { printGeneralName } from '#shared/x509/general-name.ts';
import type { GeneralName } from '#shared/x509/general-name.ts';
import { isInSubtree } from '#shared/x509/name.ts';
import type { WorkBudget } from './work-budget.ts';

/** What one name costs to compare: long ones are read again for each subtree. */
function weightOf(name: GeneralName): number {
  return 'value' in name ? 1 + Math.floor(name.value.length / 64) : 1;
}

type Match = 'inside' | 'outside' | 'undecidable';

function isDnsSyntax(name: string): boolean {
  return /^(\*\.)?[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/i.test(
    name,
  );
}

function endsWithLabels(name: string, base: string): boolean {
  return name === base || name.endsWith(`.${base}`);
}

/** Constraint `host` means that host, `.domain` every host below (§4.2.1.10, URI and RFC 822 alike). */
function hostMatches(host: string, base: string): boolean {
  return base.startsWith('.') ? host.endsWith(base) && host.length > base.length : host === base;
}

function matchDns(value: string, base: string): Match {
  if (base === '') return 'inside';
  const name = value.toLowerCase();
  if (!isDnsSyntax(name)) return 'undecidable';
  return endsWithLabels(name, base.toLowerCase()) ? 'inside' : 'outside';
}

/** A wildcard stands for any one label, so it may be the excluded name itself. */
function wildcardMayBe(value: string, base: string): boolean {
  if (!value.startsWith('*.')) return false;
  const [, ...parent] = base.toLowerCase().split('.');
  return value.slice(2).toLowerCase() === parent.join('.');
}

function splitMailbox(value: string): readonly [local: string, host: string] | undefined {
  const at = value.indexOf('@');
  if (at <= 0 || at !== value.lastIndexOf('@') || at === value.length - 1) return undefined;
  return [value.slice(0, at), value.slice(at + 1).toLowerCase()];
}

function matchMailbox(value: string, base: string): Match {
  const mailbox = splitMailbox(value);
  if (!mailbox) return 'undecidable';
  const [local, host] = mailbox;
  const baseMailbox = splitMailbox(base);
  // §7.5: the local part is compared exactly, the host without case.
  if (baseMailbox)
    return local === baseMailbox[0] && host === baseMailbox[1] ? 'inside' : 'outside';
  return base === '' || hostMatches(host, base.toLowerCase()) ? 'inside' : 'outside';
}

function matchUri(value: string, base: string): Match {
  const [, authority] = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i.exec(value) ?? [];
  const host = authority
    ?.replace(/^[^@]*@/, '')
    .replace(/:\d*$/, '')
    .toLowerCase();
  // §4.2.1.10: a URI without an authority, or with an address in place of a name, must be rejected.
  if (!host || /^[\d.]+$/.test(host) || host.startsWith('[')) return 'undecidable';
  return base === '' || hostMatches(host, base.toLowerCase()) ? 'inside' : 'outside';
}

function matchAddress(octets: Uint8Array, base: Uint8Array): Match {
  if (octets.length !== 4 && octets.length !== 16) return 'undecidable';
  if (base.length !== octets.length * 2) return 'outside';
  const fits = octets.every((octet, index) => {
    const mask = base[octets.length + index] ?? 0;
    return (octet & mask) === ((base[index] ?? 0) & mask);
  });
  return fits ? 'inside' : 'outside';
}

/** Where a name lies with regard to a base of the same kind. */
function match(name: GeneralName, base: GeneralName): Match {
  if (name.kind === 'directoryName' && base.kind === 'directoryName')
    return isInSubtree(name.name, base.name) ? 'inside' : 'outside';
  if (name.kind === 'dNSName' && base.kind === 'dNSName') return matchDns(name.value, base.value);
  if (name.kind === 'rfc822Name' && base.kind === 'rfc822Name')
    return matchMailbox(name.value, base.value);
  if (name.kind === 'uniformResourceIdentifier' && base.kind === 'uniformResourceIdentifier')
    return matchUri(name.value, base.value);
  if (name.kind === 'iPAddress' && base.kind === 'iPAddress')
    return matchAddress(name.octets, base.octets);
  return 'undecidable';
}

function isContiguous(mask: Uint8Array): boolean {
  const bits = [...mask].map((octet) => octet.toString(2).padStart(8, '0')).join('');
  return /^1*0*$/.test(bits);
}

/** What is wrong with a base as such. */
function baseOffence(base: GeneralName): string | undefined {
  switch (base.kind) {
    case 'dNSName':
      // §4.2.1.10: a leading period belongs to URI constraints; in a DNS one it would mean other names
      // to one reader than to the next.
      return base.value === '' || (isDnsSyntax(base.value) && !base.value.startsWith('*'))
        ? undefined
        : `${JSON.stringify(base.value)} is no DNS name`;
    case 'rfc822Name':
      return !base.value.includes('@') || splitMailbox(base.value)
        ? undefined
        : `${JSON.stringify(base.value)} is neither mailbox nor host`;
    case 'iPAddress': {
      const { octets } = base;
      const half = octets.length / 2;
      return (half === 4 || half === 16) && isContiguous(octets.subarray(half))
        ? undefined
        : `${toHex(octets)} is no address with a mask`;
    }
    default:
      return undefined;
  }
}

/** The first malformed base, if there is one. */
export function findMalformedSubtree(constraints: NameConstraints): string | undefined {
  for (const { base } of [...constraints.permittedSubtrees, ...constraints.excludedSubtrees]) {
    const offence = baseOffence(base);
    if (offence) return offence;
  }
  return undefined;
}

/** §4.2.1.10: minimum must be zero and maximum absent; a subtree with either is not understood. */
function isUnderstood({ minimum, maximum }: GeneralSubtree): boolean {
  return minimum === 0n && maximum === undefined;
}

/** A name for a message, cut: it may be as long as the certificate. */
function labelOf(name: GeneralName): string {
  const text = printGeneralName(name);
  return text.length > 256 ? `${text.slice(0, 255)}…` : text;
}

function checkExcluded(name: GeneralName, subtrees: readonly GeneralSubtree[]): string | undefined {
  for (const subtree of subtrees) {
    if (subtree.base.kind !== name.kind) continue;
    const result = isUnderstood(subtree) ? match(name, subtree.base) : 'undecidable';
    const wildcard =
      name.kind === 'dNSName' &&
      subtree.base.kind === 'dNSName' &&
      wildcardMayBe(name.value, subtree.base.value);
    if (result === 'inside' || wildcard)
      return `${labelOf(name)} is in the excluded subtree ${labelOf(subtree.base)}`;
    if (result === 'undecidable')
      return `${labelOf(name)} cannot be compared with an excluded subtree`;
  }
  return undefined;
}

function checkPermitted(
  name: GeneralName,
  subtrees: readonly GeneralSubtree[],
): string | undefined {
  const ofKind = subtrees.filter(({ base }) => base.kind === name.kind);
  if (ofKind.length === 0) return undefined;
  const fits = ofKind.some(
    (subtree) => isUnderstood(subtree) && match(name, subtree.base) === 'inside',
  );
  return fits ? undefined : `${labelOf(name)} is in no permitted subtree`;
}

/**
 * Subject, alternative names and the mailboxes in the subject. §4.2.1.10 asks for those only where no alternative
 * name is given; a reader sees them all the same, so that an allowed mailbox beside one must not let it through.
 */
export function constrainedNames(certificate: Certificate): readonly GeneralName[] {
  const { subject, subjectAltName = [] } = certificate;
  const names: GeneralName[] = [...subjectAltName];
  if (subject.rdns.length > 0) names.push({ kind: 'directoryName', name: subject });
  for (const { oid, text } of subject.rdns.flat()) {
    if (oid === oids.emailAddress && text !== undefined)
      names.push({ kind: 'rfc822Name', value: text });
  }
  return names;
}

/**
 * Why the names of a certificate break the constraints gathered above it, or `undefined`.
 * @see RFC 5280 §6.1.3 (b), (c)
 */
export function checkNameConstraints(
  certificate: Certificate,
  gathered: readonly NameConstraints[],
  budget: Pick<WorkBudget, 'comparisons'>,
): string | undefined {
  if (gathered.length === 0) return undefined;
  const names = constrainedNames(certificate);
  let subtrees = 0;
  for (const { permittedSubtrees, excludedSubtrees } of gathered)
    subtrees += permittedSubtrees.length + excludedSubtrees.length;
  let weight = 0;
  for (const name of names) weight += weightOf(name);
  budget.comparisons -= weight * subtrees;
  if (budget.comparisons < 0)
    return `${names.length} names under ${subtrees} subtrees are more than are compared`;
  for (const name of names) {
    for (const { permittedSubtrees, excludedSubtrees } of gathered) {
      const offence =
        checkExcluded(name, excludedSubtrees) ?? checkPermitted(name, permittedSubtrees);
      if (offence) return offence;
    }
  }
  return undefined;
}
