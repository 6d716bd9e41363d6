// Algorithm policies as DSSC files (RFC 5698 §3, Appendix A), so that other software can judge by the rules
// that Tokiwa judged by. Read back by dssc.ts, they are equal.
import { InvariantError } from '#shared/errors.ts';
import type {
  AlgorithmPolicy,
  Evaluation,
  PolicyAlgorithm,
} from '#shared/policy/algorithm-policy.ts';
import { type NamedAlgorithm, identifiersOf, nameOf } from '#shared/policy/dssc-names.ts';
import {
  type AlgorithmNote,
  type PolicyNote,
  dsscNamespace,
  notePrefixes,
} from '#shared/policy/dssc-vocabulary.ts';

const special: Readonly<Record<string, string>> = {
  '<': '&lt;',
  '>': '&gt;',
  '&': '&amp;',
  '"': '&quot;',
};

function escaped(text: string): string {
  return text.replace(/[<>&"]/g, (character) => special[character] ?? '');
}

type Attributes = Readonly<Record<string, string>>;

function element(name: string, attributes: Attributes, children: readonly string[]): string {
  const written = Object.entries(attributes).map(([key, value]) => ` ${key}="${escaped(value)}"`);
  const tag = `${name}${written.join('')}`;
  if (children.length === 0) return `<${tag}/>`;
  const inner = children.join('\n').replaceAll('\n', '\n  ');
  return `<${tag}>\n  ${inner}\n</${name}>`;
}

function text(name: string, value: string): string {
  return `<${name}>${escaped(value)}</${name}>`;
}

/** Absent: no end announced. §3.1.9: the last day on which it is suitable. */
function lastDay(endExclusive: string): string {
  return Temporal.PlainDate.from(endExclusive).subtract({ days: 1 }).toString();
}

function evaluationElement({ parameters = [], startInclusive, endExclusive }: Evaluation): string {
  return element('Evaluation', {}, [
    ...parameters.map(({ name, min, max }) =>
      element('Parameter', { name }, [
        ...(min === undefined ? [] : [text('Min', String(min))]),
        ...(max === undefined ? [] : [text('Max', String(max))]),
      ]),
    ),
    element('Validity', {}, [
      ...(startInclusive === undefined ? [] : [text('Start', startInclusive)]),
      ...(endExclusive === null ? [] : [text('End', lastDay(endExclusive))]),
    ]),
  ]);
}

function noteOf({ oid, evaluations }: PolicyAlgorithm): AlgorithmNote {
  return {
    hasOid: oid !== undefined,
    evaluations: evaluations.map(({ uses, confidence, source, status }) => ({
      uses: (['new', 'verify'] as const).filter((use) => uses.includes(use)),
      confidence,
      source,
      ...(status !== undefined && { status }),
    })),
  };
}

function algorithmElement(
  kind: NamedAlgorithm['kind'],
  algorithm: PolicyAlgorithm,
  notes: readonly string[],
): string {
  const { alg, hash, oid, xmlUri, evaluations } = algorithm;
  const identifiers = oid === undefined ? identifiersOf({ kind, alg, hash }) : [oid];
  // Appendix A asks for an identifier of each algorithm.
  if (identifiers.length === 0)
    throw new InvariantError('ERR_INVARIANT_STATE', `${alg} has no object identifier to export`);
  return element('Algorithm', {}, [
    element('AlgorithmIdentifier', {}, [
      text('Name', nameOf({ alg, hash })),
      ...identifiers.map((one) => text('ObjectIdentifier', one)),
      ...(xmlUri === undefined ? [] : [text('URI', xmlUri)]),
    ]),
    ...evaluations.map(evaluationElement),
    element('Information', {}, [
      ...notes.map((note) => text('Text', note)),
      text('Text', `${notePrefixes.algorithm}${JSON.stringify(noteOf(algorithm))}`),
    ]),
  ]);
}

/** A full date and time of what may be a year alone, or several dates; the exact text goes beside it. */
function issueDate(policyIssueDate: string | null, asOf: string): string {
  const [, year, month = '01', day = '01'] =
    /^(\d{4})(?:-(\d{2}))?(?:-(\d{2}))?/.exec(policyIssueDate ?? asOf) ?? [];
  return `${year ?? '1970'}-${month}-${day}T00:00:00Z`;
}

/**
 * The policy as a DSSC file, the same octets for the same policy. What RFC 5698 has no field for, such as
 * sources and uses, stands in notes; those of the policy as a whole in its first algorithm, since it has no
 * place of its own. `asOf`: the day of the data, for a policy that does not say when it was issued.
 * @see RFC 5698 §3.1, Appendix A
 */
export function buildDssc(policy: AlgorithmPolicy, asOf: string): Uint8Array {
  const { id, title, publisher, version, policyIssueDate, nextUpdate, confidence } = policy;
  const kinds = [
    ['digest', policy.hashAlgorithms],
    ['signature', policy.signatureAlgorithms],
    ['curve', policy.curves],
  ] as const;
  const algorithms = kinds.flatMap(([kind, list]) => list.map((one) => ({ kind, one })));
  const note: PolicyNote = {
    ...{ titleJa: title.ja, version, policyIssueDate, confidence },
    ...(policy.sources && { sources: [...policy.sources] }),
  };
  const policyNotes = [`${notePrefixes.policy}${JSON.stringify(note)}`];
  const root = element('SecuritySuitabilityPolicy', { xmlns: dsscNamespace, version: '1', id }, [
    element('PolicyName', {}, [text('Name', title.en)]),
    element('Publisher', {}, [text('Name', publisher)]),
    text('PolicyIssueDate', issueDate(policyIssueDate, asOf)),
    ...(nextUpdate === undefined ? [] : [text('NextUpdate', nextUpdate)]),
    text('Usage', 'Signatures, timestamps and digests of archived documents'),
    ...algorithms.map(({ kind, one }, index) =>
      algorithmElement(kind, one, index === 0 ? policyNotes : []),
    ),
  ]);
  return new TextEncoder().encode(`<?xml version="1.0" encoding="UTF-8"?>\n${root}\n`);
}
