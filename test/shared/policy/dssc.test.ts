// DSSC files: what is written comes back, what others write is read by the words of RFC 5698, and what is not
// understood is never acceptable.
import test from 'ava';
import { type ErrorCode, FormatError, UnsupportedError } from '#shared/errors.ts';
import {
  type AlgorithmPolicy,
  type AlgorithmQuestion,
  acceptableAt,
  askPolicy,
} from '#shared/policy/algorithm-policy.ts';
import { bundledPolicies } from '#shared/policy/bundled.ts';
import { buildDssc } from '#shared/policy/dssc-write.ts';
import { type DsscReading, parseDssc } from '#shared/policy/dssc.ts';

const sha256Oid = '2.16.840.1.101.3.4.2.1';

type AlgorithmSpec = {
  readonly name?: string;
  readonly oids?: readonly string[];
  readonly uris?: readonly string[];
  readonly evaluation?: string;
  readonly after?: string;
};

function algorithm(spec: AlgorithmSpec = {}): string {
  const { name = 'SHA256', oids = [sha256Oid], uris = [], evaluation, after = '' } = spec;
  return `<Algorithm><AlgorithmIdentifier><Name>${name}</Name>${oids.map((oid) => `<ObjectIdentifier>${oid}</ObjectIdentifier>`).join('')}${uris.map((uri) => `<URI>${uri}</URI>`).join('')}</AlgorithmIdentifier>${evaluation ?? '<Evaluation><Validity><End>2030-12-31</End></Validity></Evaluation>'}${after}</Algorithm>`;
}

function file(algorithms: string, attributes = 'version="1" id="p"'): Uint8Array {
  return new TextEncoder().encode(
    `<SecuritySuitabilityPolicy xmlns="urn:ietf:params:xml:ns:dssc" ${attributes}><PolicyName><Name>A policy</Name></PolicyName><Publisher><Name>Somebody</Name></Publisher><PolicyIssueDate>2026-01-01T00:00:00Z</PolicyIssueDate>${algorithms}</SecuritySuitabilityPolicy>`,
  );
}

function evaluation(validity: string, rest = '', parameters = ''): string {
  return `<Evaluation>${parameters}<Validity>${validity}</Validity>${rest}</Evaluation>`;
}

function read(spec: AlgorithmSpec): DsscReading {
  return parseDssc(file(algorithm(spec)));
}

const sha256: AlgorithmQuestion = { kind: 'digest', digest: 'SHA-256' };

function isAcceptable(policy: AlgorithmPolicy, at: string, question = sha256): boolean {
  return acceptableAt(askPolicy(policy, question, 'verify'), Temporal.Instant.from(at));
}

for (const policy of bundledPolicies.policies)
  test(`${policy.id} comes back equal`, (t) => {
    const { policy: back, warnings } = parseDssc(buildDssc(policy, bundledPolicies.asOf));
    t.deepEqual(back, policy);
    t.deepEqual(warnings, []);
  });

test('when the next edition is due comes back as well, and is nothing where it is no instant', (t) => {
  const due = (text: string): string | undefined => {
    const source = new TextDecoder()
      .decode(file(algorithm()))
      .replace('</PolicyIssueDate>', `</PolicyIssueDate><NextUpdate>${text}</NextUpdate>`);
    return parseDssc(new TextEncoder().encode(source)).policy.nextUpdate;
  };
  t.is(due('2027-01-01T00:00:00Z'), '2027-01-01T00:00:00Z');
  t.is(due('2027-01-01T00:00:00'), undefined);
  const { policy } = read({});
  const dated = { ...policy, nextUpdate: '2027-01-01T00:00:00Z' };
  t.deepEqual(parseDssc(buildDssc(dated, '2026-01-01')).policy, dated);
});

test('a first day comes back too, and nothing is acceptable before it', (t) => {
  const { policy } = read({
    evaluation: evaluation('<Start>2020-01-01</Start><End>2030-12-31</End>'),
  });
  t.deepEqual(parseDssc(buildDssc(policy, '2026-01-01')).policy, policy);
  t.false(isAcceptable(policy, '2019-12-31T23:59:59Z'));
  t.true(isAcceptable(policy, '2020-01-01T00:00:00Z'));
});

const end = test.macro({
  exec(t, text: string, last: string, first: string) {
    const { policy } = read({ evaluation: evaluation(`<End>${text}</End>`) });
    t.true(isAcceptable(policy, last));
    t.false(isAcceptable(policy, first));
  },
  title: (_, text: string) => `End ${text} is the last day`,
});

test(end, '2030-12-31', '2030-12-31T23:59:59Z', '2031-01-01T00:00:00Z');
test(end, '2030-12-31Z', '2030-12-31T23:59:59Z', '2031-01-01T00:00:00Z');
// Its midnight falls on the day before in UTC: the day that it cuts is not acceptable any more.
test(end, '2030-12-31+09:00', '2030-12-30T23:59:59Z', '2030-12-31T15:00:00Z');
test(end, '2030-12-31-05:00', '2030-12-31T23:59:59Z', '2031-01-01T05:00:00Z');

const identified = test.macro({
  exec(t, spec: AlgorithmSpec, acceptable: boolean, warned: RegExp | undefined) {
    const { policy, warnings } = read(spec);
    const sha384: AlgorithmQuestion = { kind: 'digest', digest: 'SHA-384' };
    const at = '2026-01-01T00:00:00Z';
    t.is(isAcceptable(policy, at) || isAcceptable(policy, at, sha384), acceptable);
    if (warned) t.regex(warnings.join('\n'), warned);
    else t.deepEqual(warnings, []);
  },
  title: (_, { name = 'SHA256', oids = [], uris = [] }: AlgorithmSpec) =>
    `${name} ${oids.join(' ')} ${uris.join(' ')}`,
});

test(identified, { oids: [sha256Oid] }, true, undefined);
// EU DSS 6.4 writes the identifier of SHA-384 without its last arc.
test(identified, { name: 'SHA384', oids: ['2.16.840.1.101.3.4.2'] }, true, /not its identifier/);
test(identified, { name: 'whatever', oids: [sha256Oid] }, true, undefined);
test(identified, { name: 'whatever', oids: ['1.2.3'] }, false, /not an algorithm/);
test(identified, { name: 'SHA-1', oids: [sha256Oid] }, false, /SHA-1/);
test(
  identified,
  { oids: [sha256Oid], uris: ['http://www.w3.org/2000/09/xmldsig#sha1'] },
  false,
  /SHA-256 and SHA-1/,
);
test(identified, { name: 'x', oids: [sha256Oid, '2.16.840.1.101.3.4.2.2'] }, false, /in one entry/);

test('a part of a family is not the family', (t) => {
  const { policy, warnings } = read({ name: 'ML-DSA', oids: ['2.16.840.1.101.3.4.3.17'] });
  t.deepEqual(policy.signatureAlgorithms, []);
  t.regex(warnings.join(), /a part of ML-DSA/);
});

const etsi = 'http://uri.etsi.org/19322/v1.1.1#';

function details(usage: string, rest = ''): string {
  return `<e:MoreDetails xmlns:e="${etsi}">${usage === '' ? '' : `<e:AlgorithmUsage>http://uri.etsi.org/19322/${usage}</e:AlgorithmUsage>`}${rest}</e:MoreDetails>`;
}

const usage = test.macro({
  exec(t, name: string, expected: readonly string[]) {
    const { policy } = read({ evaluation: evaluation('', details(name)) });
    t.deepEqual(policy.hashAlgorithms[0]?.evaluations[0]?.uses, expected);
  },
  title: (_, name: string) => `TS 119 322 usage ${name || 'absent'}`,
});

test(usage, '', ['new', 'verify']);
test(usage, 'sign_data', ['new']);
test(usage, 'sign_data/validate_data', ['verify']);
test(usage, 'sign_data/sign_certificates', []);

test('TS 119 322 recommendation is the status', (t) => {
  const text = details('', '<e:Recommendation>L</e:Recommendation>');
  const { policy } = read({ evaluation: evaluation('', text) });
  t.is(policy.hashAlgorithms[0]?.evaluations[0]?.status, 'legacy');
});

test('an evaluation with an extension that is not understood is left out', (t) => {
  const { policy, warnings } = read({ evaluation: evaluation('', '<x:Only xmlns:x="urn:x"/>') });
  t.false(isAcceptable(policy, '2026-01-01T00:00:00Z'));
  t.regex(warnings.join(), /extension/);
});

test('a parameter that is not known fits nothing', (t) => {
  const parameter = '<Parameter name="salt"><Min>1</Min></Parameter>';
  const { policy } = read({ evaluation: evaluation('', '', parameter) });
  t.false(isAcceptable(policy, '2026-01-01T00:00:00Z'));
});

test('the id that is given names the policy', (t) => {
  t.is(parseDssc(file(algorithm()), 'mine').policy.id, 'mine');
  t.is(parseDssc(file(algorithm())).policy.id, 'p');
});

const spoiltNote = '<Information><Text>Tokiwa, of the algorithm: {"uses":1}</Text></Information>';
const noteOfNone =
  '<Information><Text>Tokiwa, of the algorithm: {"hasOid":true,"evaluations":[]}</Text></Information>';

const refused = test.macro({
  exec(t, octets: Uint8Array, code: ErrorCode) {
    const error = t.throws(() => parseDssc(octets), { any: true });
    t.true(error instanceof FormatError || error instanceof UnsupportedError);
    if (error instanceof FormatError || error instanceof UnsupportedError) t.is(error.code, code);
  },
  title: (name) => `refused: ${String(name)}`,
});

const text = (xml: string): Uint8Array => new TextEncoder().encode(xml);
const whole = new TextDecoder().decode(file(algorithm()));

test('another root', refused, text('<a/>'), 'ERR_FORMAT_XML');
test('another version', refused, file(algorithm(), 'version="2"'), 'ERR_UNSUPPORTED_VERSION');
test('no algorithm', refused, file(''), 'ERR_FORMAT_XML');
test('too many algorithms', refused, file(algorithm().repeat(2001)), 'ERR_FORMAT_LIMIT');
test('no name', refused, text(whole.replace('A policy', ' ')), 'ERR_FORMAT_XML');
test('no publisher', refused, text(whole.replace('Somebody', '')), 'ERR_FORMAT_XML');
test(
  'no issue date',
  refused,
  text(whole.replace(/<PolicyIssueDate>.*<\/PolicyIssueDate>/, '')),
  'ERR_FORMAT_XML',
);
test('no evaluation', refused, file(algorithm({ evaluation: '' })), 'ERR_FORMAT_XML');
test(
  'evaluation without validity',
  refused,
  file(algorithm({ evaluation: '<Evaluation/>' })),
  'ERR_FORMAT_XML',
);
test(
  'no date',
  refused,
  file(algorithm({ evaluation: evaluation('<End>2030-02-30</End>') })),
  'ERR_FORMAT_XML',
);
test(
  'end as a time',
  refused,
  file(algorithm({ evaluation: evaluation('<End>2030-02-01T00:00:00Z</End>') })),
  'ERR_FORMAT_XML',
);
test(
  'bound that is no integer',
  refused,
  file(
    algorithm({
      evaluation: evaluation('', '', '<Parameter name="plength"><Min>-1</Min></Parameter>'),
    }),
  ),
  'ERR_FORMAT_XML',
);
test('spoilt note', refused, file(algorithm({ after: spoiltNote })), 'ERR_FORMAT_XML');
test(
  'note on other evaluations',
  refused,
  file(algorithm({ after: noteOfNone })),
  'ERR_FORMAT_XML',
);
test(
  'document type',
  refused,
  text(`<!DOCTYPE a [<!ENTITY b "c">]>${whole}`),
  'ERR_UNSUPPORTED_FEATURE',
);
