// What is no TSTInfo is refused where it is read: each case differs from a good one in one element.
import test from 'ava';
import { concatBytes } from '#shared/bytes.ts';
import { buildAlgorithmIdentifier } from '#shared/der/algorithm-identifier.ts';
import {
  derContext,
  derContextPrimitive,
  derElement,
  derInteger,
  derNull,
  derOctetString,
  derSequence,
} from '#shared/der/writer.ts';
import { FormatError } from '#shared/errors.ts';
import { oids } from '#shared/oid.ts';
import { parseTSTInfo } from '#shared/tsp/tst-info.ts';
import { testTstInfo, type TSTInfoElements } from '../../_tsu.ts';

const generalizedTime = 0x18;

function at(text: string, tag = generalizedTime): TSTInfoElements {
  return { genTime: derElement(tag, new TextEncoder().encode(text)) };
}

const name = derContextPrimitive(2, new TextEncoder().encode('tsa.example'));
const sha256 = buildAlgorithmIdentifier(oids.sha256).raw;
const imprint = derOctetString(new Uint8Array(32));

const cases: Readonly<Record<string, TSTInfoElements>> = {
  'version of five octets': { version: derInteger((1n << 32n) + 1n) },
  'version that is no INTEGER': { version: derNull() },
  'policy as a relative identifier': { policy: derElement(0x0d, Uint8Array.of(42, 3, 4)) },
  'policy with a padded arc': { policy: derElement(0x06, Uint8Array.of(42, 0x80, 3)) },
  'imprint without a value': { messageImprint: derSequence(sha256) },
  'imprint of three elements': { messageImprint: derSequence(sha256, imprint, derNull()) },
  'serial number of no octets': { serialNumber: derElement(0x02) },
  'serial number that is no INTEGER': { serialNumber: derNull() },
  'genTime as a UTCTime': at('260304050607Z', 0x17),
  'genTime, constructed': {
    genTime: derElement(0x38, derElement(generalizedTime, new TextEncoder().encode('2'))),
  },
  'genTime without Z': at('20260304050607'),
  'genTime in lower case': at('20260304050607z'),
  'genTime with an offset': at('20260304050607+0000'),
  'genTime without seconds': at('202603040506Z'),
  'genTime with a fraction of a minute': at('202603040506.5Z'),
  'genTime with a comma': at('20260304050607,5Z'),
  'genTime with a period alone': at('20260304050607.Z'),
  'genTime with a trailing zero': at('20260304050607.50Z'),
  'genTime with a trailing zero beyond nanoseconds': at('20260304050607.1234567890Z'),
  'genTime with two fractions': at('20260304050607.1.1Z'),
  'genTime with a space': at(' 20260304050607Z'),
  'genTime with a zero octet': at('20260304050607Z\0'),
  'genTime at hour 24': at('20260304240000Z'),
  'genTime at minute 60': at('20260304056007Z'),
  'genTime at second 60': at('20260304050660Z'),
  'genTime on 29 February of no leap year': at('21000229000000Z'),
  'genTime on day 0': at('20260300050607Z'),
  'genTime of a hundred digits': at(`20260304050607.${'1'.repeat(100)}Z`),
  'accuracy as a SET': { accuracy: derElement(0x31, derInteger(1)) },
  'accuracy with micros before millis': {
    accuracy: derSequence(
      derContextPrimitive(1, Uint8Array.of(1)),
      derContextPrimitive(0, Uint8Array.of(1)),
    ),
  },
  'millis in more octets than needed': {
    accuracy: derSequence(derContextPrimitive(0, Uint8Array.of(0, 5))),
  },
  'micros in more octets than needed': {
    accuracy: derSequence(derContextPrimitive(1, Uint8Array.of(0xff, 0xfb))),
  },
  'millis under an explicit tag': { accuracy: derSequence(derContext(0, derInteger(5))) },
  'ordering in two octets': { ordering: derElement(0x01, Uint8Array.of(0xff, 0xff)) },
  'tsa without a name': { tsa: derContext(0) },
  'tsa with two names': { tsa: derContext(0, name, name) },
  'extension without a value': { extensions: derContext(1, derSequence(derInteger(1))) },
  'an element after the last': { excess: derNull() },
};

test('a good one is read', (t) => {
  t.is(parseTSTInfo(testTstInfo(at('20260304050607.123456789123Z'))).policy.length > 0, true);
});

test('octets after the end are refused', (t) => {
  t.throws(() => parseTSTInfo(concatBytes(testTstInfo(), Uint8Array.of(0))), {
    instanceOf: FormatError,
  });
});

for (const [what, elements] of Object.entries(cases)) {
  test(`refused: ${what}`, (t) => {
    t.throws(() => parseTSTInfo(testTstInfo(elements)), { instanceOf: FormatError });
  });
}
