// Trusted lists of the EU before EU DSS: the same services with the same statuses and times, the same pointers
// with the same signers; and the lists verified from the list of lists down, one changed character refused.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import {
  type ListFile,
  type ListVerdict,
  verifyListOfLists,
  verifyPointedLists,
} from '#shared/trust/trusted-list-chain.ts';
import { listOfLists } from '#shared/trust/trusted-list-names.ts';
import { statusPeriods } from '#shared/trust/trusted-list-services.ts';
import { type TrustedList, parseTrustedList } from '#shared/trust/trusted-list.ts';
import type { ConformanceReport, ConformanceResult } from '../conformance/_report.ts';

const run = promisify(execFile);
const sources = path.join(import.meta.dirname, 'trusted-lists');
const corpus = path.join('corpus', 'dss', 'dss-tsl-validation', 'src', 'test', 'resources');

const lists = ['CY', 'DK', 'FI', 'IS', 'LI', 'MT'].map((name) => `lotlCache/${name}.xml`);
const ofLists = ['lotlCache/eu-lotl_original.xml', 'lotlCache/tl_pivot_247_mp_with-bom.xml'];
const files = [...lists, 'fi-v5-invalid.xml', ...ofLists];

type Status = readonly [
  type: string,
  status: string,
  start: string,
  end: string | null,
  additional: readonly string[],
];

type Answer = {
  readonly error?: string;
  readonly sequenceNumber: number;
  readonly territory: string;
  readonly nextUpdate: string | null;
  readonly services?: readonly {
    readonly provider: string;
    readonly certificates: readonly string[];
    readonly statuses: readonly Status[];
  }[];
  readonly pointers?: readonly (readonly [location: string, signers: readonly string[]])[];
};

/** In the judge's notation, in an order of its own. */
function ours(list: TrustedList): Answer {
  return {
    sequenceNumber: list.sequenceNumber,
    territory: list.territory ?? '',
    nextUpdate: list.nextUpdate?.toString() ?? null,
    services: list.services.map((service) => ({
      provider: service.provider,
      certificates: service.certificates.map(({ fingerprint }) => fingerprint),
      statuses: statusPeriods(service).map((one): Status => [
        one.serviceType,
        one.status,
        one.startingTime.toString(),
        one.end?.toString() ?? null,
        one.additional,
      ]),
    })),
    pointers: list.pointers
      .filter(({ type }) => type !== listOfLists)
      .map(({ location, signers }) => [location, signers.map(({ fingerprint }) => fingerprint)]),
  };
}

function line(...parts: readonly unknown[]): string {
  return JSON.stringify(parts);
}

/** What both are compared by: one line for each fact. */
function factsOf({ sequenceNumber, territory, nextUpdate, services }: Answer): readonly string[] {
  return [
    line('list', sequenceNumber, territory, nextUpdate),
    ...(services ?? []).flatMap(({ provider, certificates, statuses }) =>
      statuses.map(([type, status, start, end, additional]) =>
        line(
          'status',
          provider,
          certificates.toSorted(),
          type,
          status,
          start,
          end,
          additional.toSorted(),
        ),
      ),
    ),
  ].toSorted();
}

/** EU DSS leaves out pointers to lists for people to read: of those that it has, the signers. */
function pointersOf(answer: Answer, locations: ReadonlySet<string>): readonly string[] {
  return (answer.pointers ?? [])
    .filter(([location]) => locations.has(location))
    .map(([location, signers]) => line('pointer', location, signers.toSorted()))
    .toSorted();
}

function compare(file: string, own: Answer, judge: Answer): ConformanceResult {
  const locations = new Set((judge.pointers ?? []).map(([location]) => location));
  // Of a list of lists the judge reads pointers alone.
  const facts = (one: Answer): readonly string[] => [
    ...factsOf({ ...one, services: judge.services ? (one.services ?? []) : [] }),
    ...pointersOf(one, locations),
  ];
  const [left, right] = [facts(own), facts(judge)];
  const different = [
    ...left.filter((one) => !right.includes(one)),
    ...right.filter((one) => !left.includes(one)),
  ];
  return {
    case: `${file} as EU DSS reads it`,
    passed: left.length > 1 && left.length === right.length && different.length === 0,
    expected: 'the same facts',
    got: different.length === 0 ? `${left.length} facts` : different.slice(0, 4).join(' '),
  };
}

function judged(
  name: string,
  verdict: ListVerdict | undefined,
  verified: boolean,
): ConformanceResult {
  const got =
    verdict?.kind === 'refused' ? `refused: ${verdict.reason}` : (verdict?.kind ?? 'no verdict');
  return {
    case: name,
    passed: verdict?.kind === (verified ? 'verified' : 'refused'),
    expected: verified ? 'verified' : 'refused',
    got,
  };
}

/** One digit of the list's sequence number: it stays a list of its territory. */
function replaced(octets: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(octets);
  const tag = '<TSLSequenceNumber>';
  const at = Buffer.from(copy.buffer).indexOf(tag) + tag.length;
  copy[at] = copy[at] === 0x31 ? 0x32 : 0x31;
  return copy;
}

/** From the signers that the list of lists itself names, which a reader takes from the Official Journal. */
function verifyChain(read: ReadonlyMap<string, ListFile>): readonly ConformanceResult[] {
  const fileOf = (name: string): ListFile => read.get(name) ?? { name, octets: new Uint8Array() };
  const [original = '', pivot = ''] = ofLists;
  const own = parseTrustedList(fileOf(original).octets)
    .pointers.filter(({ type }) => type === listOfLists)
    .flatMap(({ signers }) => signers);
  const overPivot = verifyListOfLists([fileOf(original), fileOf(pivot)], own);
  const results = [judged('the list of lists over its pivot', overPivot, true)];
  const stranger = parseTrustedList(fileOf('lotlCache/LI.xml').octets).services.flatMap(
    ({ certificates }) => certificates,
  );
  results.push(
    judged(
      'the list of lists by signers that are not expected',
      verifyListOfLists([fileOf(original)], stranger.slice(0, 50)),
      false,
    ),
  );
  if (overPivot.kind !== 'verified') return results;
  for (const name of lists) {
    const [verdict] = verifyPointedLists(overPivot.verified, [fileOf(name)]);
    const [spoilt] = verifyPointedLists(overPivot.verified, [
      { ...fileOf(name), octets: replaced(fileOf(name).octets) },
    ]);
    results.push(
      judged(`${name} by a signer that the list of lists names`, verdict, true),
      judged(`${name} with one changed octet`, spoilt, false),
    );
  }
  results.push(
    judged(
      'the list of lists with one changed octet',
      verifyListOfLists([{ ...fileOf(original), octets: replaced(fileOf(original).octets) }], own),
      false,
    ),
  );
  return results;
}

/** `shared`: the folder that holds `corpus`. */
export async function judgeTrustedLists(shared: string): Promise<ConformanceReport> {
  const folder = await mkdtemp(path.join(tmpdir(), 'tokiwa-trusted-lists-'));
  try {
    const copy = ['-q', '-B', '-f', path.join(sources, 'pom.xml'), 'dependency:copy-dependencies'];
    await run('mvn', [...copy, '-DincludeScope=runtime', `-DoutputDirectory=${folder}`]);
    const paths = files.map((name) => path.join(shared, corpus, name));
    const program = path.join(sources, 'DssTrustedLists.java');
    const { stdout } = await run('java', ['-cp', path.join(folder, '*'), program, ...paths], {
      maxBuffer: 1 << 28,
    });
    const answers = stdout
      .split('\n')
      .filter((text) => text.startsWith('{'))
      .map((text) => JSON.parse(text) as Answer);
    const read = new Map<string, ListFile>();
    for (const [index, name] of files.entries())
      read.set(name, { name, octets: await readFile(paths[index] ?? '') });
    return {
      results: [
        ...files.map((name, index): ConformanceResult => {
          const answer = answers[index];
          if (!answer || answer.error !== undefined)
            return {
              case: `${name} as EU DSS reads it`,
              passed: false,
              expected: 'facts',
              got: answer?.error ?? 'no answer',
            };
          return compare(
            name,
            ours(parseTrustedList(read.get(name)?.octets ?? new Uint8Array())),
            answer,
          );
        }),
        ...verifyChain(read),
      ],
    };
  } finally {
    await rm(folder, { recursive: true });
  }
}
