// Documents of which only the content is too large to be held: read once where the document lists what it needs, and
// left alone where something inside is over the whole.
import test from 'ava';
import { readStored } from '#archiver/augmentation/stored-document.ts';
import { digest } from '#shared/crypto/digest.ts';
import { parseSignedData } from '#shared/cms/signed-data.ts';
import { readChildren } from '#shared/der/reader.ts';
import { applySplice } from '#shared/der/splice.ts';
import {
  derContext,
  derElement,
  derObjectIdentifier,
  derOctetString,
  derSequence,
} from '#shared/der/writer.ts';
import { FormatError } from '#shared/errors.ts';
import { oids } from '#shared/oid.ts';
import { testAttribute } from '../../_tsu.ts';
import { addArchiveTimestampV2 } from '../../_archive-timestamp.ts';
import { testContent } from '../../_cms.ts';
import {
  recordOver,
  sign,
  signatureTimestamp,
  stamp,
  tsuOf,
} from '../../shared/validation/_world.ts';
import { raiseDocument, readBack } from './_raising.ts';

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
          for (let at = 0; at < octets.length; at += 999) yield octets.subarray(at, at + 999);
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

const withVersion2 = (octets: Uint8Array) =>
  addArchiveTimestampV2(tsuOf('first'), octets, { genTime: '2026-12-20T00:00:00Z' });
const stamped = sign({
  content: large,
  unsigned: signatureTimestamp('first', '2026-12-01'),
  crlsOn: ['2026-12-15'],
});
const old = withVersion2(stamped);

/** The content in two segments: the same to the signature, other octets to a timestamp over them as they are stored. */
function segmented(octets: Uint8Array): Uint8Array {
  const { elements } = parseSignedData(octets);
  const { version, digestAlgorithms, encapContentInfo, certificates, crls, signerInfos } = elements;
  const segments = [large.subarray(0, 9), large.subarray(9)].map((part) => derOctetString(part));
  const [contentType] = readChildren(encapContentInfo).map(({ raw }) => raw);
  const content = derSequence(
    ...(contentType ? [contentType] : []),
    derContext(0, derElement(0x24, ...segments)),
  );
  const members = [version, digestAlgorithms, undefined, certificates, crls, signerInfos];
  const fields = members.flatMap((one, index) => (index === 2 ? content : (one?.raw ?? [])));
  return derSequence(derObjectIdentifier(oids.idSignedData), derContext(0, derSequence(...fields)));
}

for (const [name, octets] of [
  ['one piece', old],
  ['segments', withVersion2(segmented(stamped))],
] as const)
  test(`content in ${name} that is too large to be held, under version 2: raised in a stream`, async (t) => {
    const { source, opened } = counted(octets);
    const document = await readStored(source, options);
    t.is(opened(), 2);
    t.is(document.content?.octets, undefined);
    const { splice } = await raiseDocument(document, { on: '2027-02-01' });
    const result = applySplice(octets, splice);
    t.deepEqual(readBack(octets, result, { on: '2027-02-01' }).offences, []);
  });

test('content in other segments than version 2 is over: nothing is raised, though the signature holds', async (t) => {
  const { source } = counted(segmented(old));
  const document = await readStored(source, options);
  await t.throwsAsync(raiseDocument(document, { on: '2027-02-01' }), {
    message: /^refused timestamp-2: .*does not fit the data/,
  });
});
