// Tokens that many records share: read once, judged once, and never taken for another.
import test from 'ava';
import { digest } from '#shared/crypto/digest.ts';
import type { Imprint } from '#shared/ers/evidence-record.ts';
import { rememberTokens, rememberVerdicts } from '#shared/ers/token-memory.ts';
import type { ArchiveTokenVerdict } from '#shared/ers/verdict.ts';
import { parseTimeStampToken, type TimeStampToken } from '#shared/tsp/token.ts';
import { createTestTsu } from './_tokens.ts';

const at = Temporal.Instant.from('2030-01-01T00:00:00Z');
const tsu = createTestTsu('memory');
const imprintOf = (text: string): Imprint => ({
  algorithm: 'SHA-256',
  digest: digest('SHA-256', new TextEncoder().encode(text)),
});
const tokenOver = (text: string): Uint8Array =>
  tsu.stamp({ algorithm: 'SHA-256', imprint: imprintOf(text).digest, genTime: at });

test('a token is read once; one octet more or less makes it another', (t) => {
  let parsed = 0;
  const parse = rememberTokens((octets) => {
    parsed++;
    return parseTimeStampToken(octets);
  });
  const octets = tokenOver('a');
  const first = parse(octets);
  t.is(parse(octets.slice()), first);
  t.is(parsed, 1);
  const other = parse(tokenOver('b'));
  t.not(other, first);
  t.is(parsed, 2);
  // The octets that it was read from are the caller's to use again; of a Buffer, a slice would be a view.
  const copy = Buffer.from(octets);
  const kept = rememberTokens();
  const token = kept(copy);
  copy.fill(0);
  t.is(kept(octets), token);
});

test('a verdict is asked for again for another token, instant or imprint', (t) => {
  const asked: string[] = [];
  const verdict: ArchiveTokenVerdict = { status: 'valid', findings: [] };
  const verify = rememberVerdicts((token: TimeStampToken, instant, imprint) => {
    asked.push(`${token.raw.length} ${instant.toString()} ${imprint.algorithm}`);
    return verdict;
  });
  const parse = rememberTokens();
  const [a, b] = [parse(tokenOver('a')), parse(tokenOver('b'))];
  verify(a, at, imprintOf('a'));
  verify(a, at, imprintOf('a'));
  t.is(asked.length, 1);
  verify(b, at, imprintOf('a'));
  t.is(asked.length, 2);
  verify(a, at.add({ seconds: 1 }), imprintOf('a'));
  t.is(asked.length, 3);
  verify(a, at, imprintOf('b'));
  t.is(asked.length, 4);
  verify(a, at, { ...imprintOf('a'), algorithm: 'SHA3-256' });
  t.is(asked.length, 5);
});
