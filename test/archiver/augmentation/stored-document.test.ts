// Documents of which only the content is too large to be held: read once where the document lists what it needs, and
// left alone where something inside is over the whole.
import test from 'ava';
import { readStored } from '#archiver/augmentation/stored-document.ts';
import { digest } from '#shared/crypto/digest.ts';
import { FormatError } from '#shared/errors.ts';
import { oids } from '#shared/oid.ts';
import { testAttribute } from '../../_tsu.ts';
import { testContent } from '../../_cms.ts';
import { recordOver, sign, signatureTimestamp, stamp } from '../../shared/validation/_world.ts';

function counted(octets: Uint8Array) {
  let opened = 0;
  const source = {
    name: 'document',
    size: octets.length,
    open: () => {
      opened += 1;
      return Promise.resolve(
        (async function* () {
          await Promise.resolve();
          yield octets;
        })(),
      );
    },
  };
  return { source, opened: () => opened };
}

const options = { digestAlgorithm: 'SHA-256', limitBytes: 0 } as const;

test('the content is digested while the rest is read', async (t) => {
  const { source, opened } = counted(sign({ unsigned: signatureTimestamp('first', '2026-12-01') }));
  const { stored, content } = await readStored(source, options);
  t.is(opened(), 1);
  t.deepEqual(content?.digest('SHA-256'), digest('SHA-256', testContent));
  t.is(stored.signedData.eContent, undefined);
});

test('a timestamp by a digest that the document does not list costs a second pass', async (t) => {
  const attribute = testAttribute(
    oids.idAaSignatureTimeStampToken,
    stamp('first', '2026-12-01', digest('SHA-384', testContent), 'SHA-384'),
  );
  const { source, opened } = counted(sign({ unsigned: () => [attribute] }));
  const { content } = await readStored(source, options);
  t.is(opened(), 2);
  t.deepEqual(content?.digest('SHA-384'), digest('SHA-384', testContent));
});

test('an evidence record inside is over the whole, which is not at hand', async (t) => {
  const record = testAttribute(oids.idAaErInternal, recordOver(sign(), [['first', '2026-12-01']]));
  const { source } = counted(sign({ unsigned: () => [record] }));
  const error = await t.throwsAsync(readStored(source, options), { instanceOf: FormatError });
  t.is(error.code, 'ERR_FORMAT_LIMIT');
});

const large = new Uint8Array(20_000).fill(0x41);
test('content that is held is hashed once, and left out where nothing is over the whole', async (t) => {
  const { source } = counted(sign({ content: large }));
  const { stored, content } = await readStored(source, { ...options, limitBytes: 100_000 });
  t.is(stored.signedData.eContent, undefined);
  t.is(stored.elided?.length, 20_000 + 8);
  t.deepEqual(content?.octets?.(), large);
});

test('an older archive timestamp or a record keeps the content in its place', async (t) => {
  for (const oid of [oids.idAaEtsArchiveTimestampV2, oids.idAaErInternal]) {
    const { source } = counted(
      sign({ content: large, unsigned: () => [testAttribute(oid, recordOver(sign(), []))] }),
    );
    const { stored, content } = await readStored(source, { ...options, limitBytes: 100_000 });
    t.deepEqual(stored.signedData.eContent, large);
    t.is(content, undefined);
  }
});
