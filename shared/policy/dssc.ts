// Algorithm policies from DSSC files in XML (RFC 5698 §3), with the extension of ETSI TS 119 322. Whether
// a file is signed, and by whom, is shared/xmldsig/enveloped.ts; what a policy answers is algorithm-policy.ts.
import { FormatError, UnsupportedError } from '#shared/errors.ts';
import type {
  AlgorithmPolicy,
  Evaluation,
  EvaluationParameter,
  PolicyAlgorithm,
} from '#shared/policy/algorithm-policy.ts';
import { type NamedAlgorithm, identify } from '#shared/policy/dssc-names.ts';
import {
  type AlgorithmNote,
  algorithmNote,
  dsscNamespace as dssc,
  etsiNamespace as etsi,
  notePrefixes,
  policyNote,
  recommendations,
  usages,
} from '#shared/policy/dssc-vocabulary.ts';
import { parseXml } from '#shared/xml/parse.ts';
import {
  type XmlElement,
  attributeOf,
  childElements,
  childNamed,
  childrenNamed,
  isElement,
  textOf,
} from '#shared/xml/tree.ts';

export type DsscReading = {
  readonly policy: AlgorithmPolicy;
  /** Entries that were not taken over, and identifiers that ask for a look. */
  readonly warnings: readonly string[];
};

const limits = {
  maxOctets: 8 * 1024 * 1024,
  maxDepth: 50,
  maxNodes: 200_000,
  maxAttributes: 50,
} as const;
const maxAlgorithms = 2000;

function dsscError(message: string, clause = 'RFC 5698 §3.1'): FormatError {
  return new FormatError('ERR_FORMAT_XML', message, { clause });
}

function textIn(parent: XmlElement | undefined, name: string): string | undefined {
  return textOf(childNamed(parent, dssc, name))?.trim();
}

function requiredText(parent: XmlElement | undefined, name: string): string {
  const text = textIn(parent, name);
  if (!text) throw dsscError(`no ${name} in ${parent?.localName ?? 'the policy'}`);
  return text;
}

/**
 * An xs:date as a date in UTC, moved by `days`. Where its zone's midnight falls inside a day of UTC, that
 * day counts as the end: an algorithm is never acceptable for longer than the file says.
 */
function dateOf(text: string, days: number): string {
  const match = /^(\d{4}-\d{2}-\d{2})(Z|[+-]\d{2}:\d{2})?$/.exec(text);
  if (!match) throw dsscError(`${JSON.stringify(text)} is no date`, 'RFC 5698 §3.1.9');
  try {
    const day = Temporal.PlainDate.from(match[1] ?? '', { overflow: 'reject' }).add({ days });
    const zone = match[2] === undefined || match[2] === 'Z' ? 'UTC' : match[2];
    const midnight = day.toZonedDateTime(zone).withTimeZone('UTC');
    return midnight.toPlainDate().toString();
  } catch (cause) {
    throw new FormatError('ERR_FORMAT_XML', `${JSON.stringify(text)} is no date`, {
      clause: 'RFC 5698 §3.1.9',
      cause,
    });
  }
}

/** An xs:dateTime as it stands there; without a zone it is no instant and is not taken over. */
function instantIn(parent: XmlElement, name: string): string | undefined {
  const text = textIn(parent, name);
  if (text === undefined) return undefined;
  try {
    Temporal.Instant.from(text);
    return text;
  } catch {
    return undefined;
  }
}

function integerIn(parent: XmlElement, name: string): number | undefined {
  const text = textIn(parent, name);
  if (text === undefined) return undefined;
  if (!/^\d{1,9}$/.test(text)) throw dsscError(`${name} is no integer`, 'RFC 5698 §3.1.8');
  return Number(text);
}

function readParameter(element: XmlElement): EvaluationParameter {
  const name = attributeOf(element, 'name');
  if (!name) throw dsscError('parameter without a name', 'RFC 5698 §3.1.8');
  const min = integerIn(element, 'Min');
  const max = integerIn(element, 'Max');
  // §3.1.8: a parameter has a bound, or means something that is not known here; then nothing fits it.
  return { name, ...(min !== undefined && { min }), ...(max !== undefined && { max }) };
}

/** TS 119 322: a usage below ours, such as signing CRLs, does not allow signing documents. */
function usesIn(details: XmlElement | undefined): readonly string[] {
  const named = childrenNamed(details, etsi, 'AlgorithmUsage').map((one) => textOf(one)?.trim());
  if (named.length === 0) return ['new', 'verify'];
  return Object.entries(usages).flatMap(([use, uri]) => (named.includes(uri) ? [use] : []));
}

/** What a file of another publisher leaves open is the operator's who brought it in. */
const foreign = { confidence: 'operator', source: 'dssc' } as const;

/**
 * A note of the product in an algorithm's Information; `undefined`: there is none. One that is spoilt is an
 * error: left out, it could allow more than the policy does.
 */
function readNote<T>(
  algorithm: XmlElement | undefined,
  prefix: string,
  parse: (value: unknown) => T,
): T | undefined {
  const information = childNamed(algorithm, dssc, 'Information');
  const text = childrenNamed(information, dssc, 'Text')
    .map((one) => textOf(one)?.trim())
    .find((one) => one?.startsWith(prefix));
  if (text === undefined) return undefined;
  try {
    return parse(JSON.parse(text.slice(prefix.length)));
  } catch (cause) {
    throw new FormatError('ERR_FORMAT_XML', `${JSON.stringify(prefix)} is followed by no note`, {
      cause,
    });
  }
}

function readEvaluation(
  element: XmlElement,
  note: AlgorithmNote['evaluations'][number] | undefined,
): Evaluation {
  const validity = childNamed(element, dssc, 'Validity');
  if (!validity) throw dsscError('evaluation without a validity', 'RFC 5698 §3.1.7');
  const start = textIn(validity, 'Start');
  const end = textIn(validity, 'End');
  const details = childNamed(element, etsi, 'MoreDetails');
  const recommendation = textOf(childNamed(details, etsi, 'Recommendation'))?.trim() ?? '';
  const status = note ? note.status : recommendations.get(recommendation);
  const parameters = childrenNamed(element, dssc, 'Parameter').map(readParameter);
  return {
    uses: note?.uses ?? usesIn(details),
    ...(parameters.length > 0 && { parameters }),
    ...(start !== undefined && { startInclusive: dateOf(start, 0) }),
    // §3.1.9: the end is the last day on which it is suitable.
    endExclusive: end === undefined ? null : dateOf(end, 1),
    confidence: note?.confidence ?? foreign.confidence,
    source: note?.source ?? foreign.source,
    ...(status !== undefined && { status }),
  };
}

/** RFC 5698 §3.1.10: an element that is not understood may change the meaning of what it stands in. */
function isUnderstood(evaluation: XmlElement): boolean {
  return childElements(evaluation).every(
    (child) => child.namespace === dssc || isElement(child, etsi, 'MoreDetails'),
  );
}

type ReadAlgorithm = { readonly named: NamedAlgorithm; readonly algorithm: PolicyAlgorithm };

function readAlgorithm(element: XmlElement, warnings: string[]): ReadAlgorithm | undefined {
  const identifier = childNamed(element, dssc, 'AlgorithmIdentifier');
  const texts = (name: string): string[] =>
    childrenNamed(identifier, dssc, name).flatMap((one) => textOf(one)?.trim() || []);
  const given = {
    name: requiredText(identifier, 'Name'),
    oids: texts('ObjectIdentifier'),
    uris: texts('URI'),
  };
  const evaluations = childrenNamed(element, dssc, 'Evaluation');
  if (evaluations.length === 0) throw dsscError(`${given.name} has no evaluation`);
  const { algorithm: named, warnings: found } = identify(given);
  warnings.push(...found);
  if (!named) return undefined;
  const [oid] = given.oids;
  const [xmlUri] = given.uris;
  const note = readNote(element, notePrefixes.algorithm, (value) => algorithmNote.parse(value));
  if (note && note.evaluations.length !== evaluations.length)
    throw dsscError(`${given.name}: a note on other evaluations than there are`);
  return {
    named,
    algorithm: {
      alg: named.alg,
      ...(oid !== undefined && note?.hasOid !== false && { oid }),
      ...(xmlUri !== undefined && { xmlUri }),
      ...(named.hash !== undefined && { hash: named.hash }),
      evaluations: evaluations.flatMap((evaluation, index) => {
        if (isUnderstood(evaluation)) return [readEvaluation(evaluation, note?.evaluations[index])];
        warnings.push(`${given.name}: an evaluation with an extension that is not understood`);
        return [];
      }),
    },
  };
}

/**
 * The policy of a DSSC file, which `id` names from now on; of a file that the product wrote, its own id.
 * What is not understood is left out, and so is not acceptable under the policy.
 * @throws FormatError ERR_FORMAT_XML: no such policy; ERR_FORMAT_LIMIT; UnsupportedError: another version
 * @see RFC 5698 §3.1
 */
export function parseDssc(octets: Uint8Array, id?: string): DsscReading {
  const { root } = parseXml(octets, limits);
  if (!isElement(root, dssc, 'SecuritySuitabilityPolicy'))
    throw dsscError('no SecuritySuitabilityPolicy at the root');
  const version = attributeOf(root, 'version') ?? '1';
  if (version !== '1')
    throw new UnsupportedError('ERR_UNSUPPORTED_VERSION', `DSSC version ${version}`, {
      feature: `DSSC ${version}`,
    });
  const name = childNamed(root, dssc, 'PolicyName');
  const issued = requiredText(root, 'PolicyIssueDate');
  const nextUpdate = instantIn(root, 'NextUpdate');
  const elements = childrenNamed(root, dssc, 'Algorithm');
  if (elements.length === 0) throw dsscError('policy without an algorithm');
  if (elements.length > maxAlgorithms)
    throw new FormatError('ERR_FORMAT_LIMIT', `more than ${maxAlgorithms} algorithms`);
  const warnings: string[] = [];
  const read = elements.flatMap((element) => readAlgorithm(element, warnings) ?? []);
  const note = readNote(elements[0], notePrefixes.policy, (value) => policyNote.parse(value));
  const title = requiredText(name, 'Name');
  const ofKind = (kind: NamedAlgorithm['kind']): PolicyAlgorithm[] =>
    read.filter(({ named }) => named.kind === kind).map(({ algorithm }) => algorithm);
  return {
    policy: {
      id: id ?? attributeOf(root, 'id') ?? title,
      title: { en: title, ja: note?.titleJa ?? title },
      publisher: requiredText(childNamed(root, dssc, 'Publisher'), 'Name'),
      version: note?.version ?? textIn(name, 'ObjectIdentifier') ?? issued,
      policyIssueDate: note ? note.policyIssueDate : issued,
      ...(nextUpdate !== undefined && { nextUpdate }),
      confidence: note?.confidence ?? foreign.confidence,
      ...(note?.sources && { sources: note.sources }),
      hashAlgorithms: ofKind('digest'),
      signatureAlgorithms: ofKind('signature'),
      curves: ofKind('curve'),
    },
    warnings,
  };
}
