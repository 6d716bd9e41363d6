import test from 'ava';
import { parseTimeStampToken, type TimeStampToken } from '#shared/tsp/token.ts';
import { readAgain } from '#shared/tsp/second-reading.ts';
import { assembleToken, createTsu } from '../../_tsu.ts';

const token = parseTimeStampToken(assembleToken(createTsu()));

test('another reader sees the same stamp in a token', (t) => {
  t.deepEqual(readAgain(token), { kind: 'agrees' });
});

const differs = test.macro({
  exec(t, _field: string, change: Partial<TimeStampToken['tstInfo']>) {
    const changed = { ...token, tstInfo: { ...token.tstInfo, ...change } };
    t.deepEqual(readAgain(changed), { kind: 'differs', fields: [_field] });
  },
  title: (_, field: string) => `a reader that sees another ${field} is found`,
});

const { messageImprint, serialNumber, genTime } = token.tstInfo;
test(differs, 'serialNumber', { serialNumber: serialNumber + 1n });
test(differs, 'genTime', { genTime: genTime.add({ milliseconds: 1 }) });
test(differs, 'nonce', { nonce: (token.tstInfo.nonce ?? 0n) + 1n });
test(differs, 'messageImprint.hashAlgorithm', {
  messageImprint: { ...messageImprint, algorithm: 'SHA3-256' },
});
test(differs, 'messageImprint.hashedMessage', {
  messageImprint: { ...messageImprint, hashedMessage: new Uint8Array(32) },
});

test('what the other reader cannot read is said, not thrown', (t) => {
  for (const raw of [new Uint8Array(0), Uint8Array.of(0x30, 0x80), token.raw.subarray(0, 40)])
    t.is(readAgain({ ...token, raw }).kind, 'unreadable');
});
