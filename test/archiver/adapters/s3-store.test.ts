// The S3 store against a server in this process that misbehaves on request: what the probe notices,
// and how answers, lost answers and cut bodies are told. The contract itself runs against a real
// server (test/interop).
import test, { type ExecutionContext } from 'ava';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { openS3Store, type S3StoreOptions } from '#archiver/adapters/s3-store.ts';
import { SourceError, type ErrorCode } from '#shared/errors.ts';
import { collect } from '../../_faulty-store.ts';
import { throwsCode } from './_store-contract.ts';

process.env['AWS_ACCESS_KEY_ID'] = 'test';
process.env['AWS_SECRET_ACCESS_KEY'] = 'test';

const { signal } = new AbortController();

/** What this server gets wrong. */
type Defects = {
  readonly ignoresIfNoneMatch?: boolean;
  readonly ignoresIfMatch?: boolean;
  readonly refusesIfMatch?: boolean;
  readonly racy?: boolean;
  readonly ignoresConditionOnParts?: boolean;
  readonly ignoresChecksum?: boolean;
  readonly keepsBadChecksum?: boolean;
  readonly versioning?: 'Enabled' | 'refused';
};

type Answer = (request: IncomingMessage, response: ServerResponse) => boolean;

/** A bucket in memory, as far as the probe needs one; `intercept` answers what it wants itself. */
async function startServer(t: ExecutionContext, defects: Defects = {}, intercept?: Answer) {
  const objects = new Map<string, { etag: string; body: Buffer }>();
  let writes = 0;
  const server = createServer((request, response) => {
    void collect(request).then((body) => {
      if (intercept?.(request, response) === true) return;
      answer(request, response, body);
    });
  });
  const fail = (response: ServerResponse, status: number, code: string) => {
    response.writeHead(status).end(`<Error><Code>${code}</Code><Message>no</Message></Error>`);
  };
  const check = (request: IncomingMessage, key: string): boolean => {
    const none = request.headers['if-none-match'];
    const match = request.headers['if-match'];
    if (none !== undefined && !defects.ignoresIfNoneMatch && objects.has(key)) return false;
    if (match === undefined || defects.ignoresIfMatch) return true;
    return !defects.refusesIfMatch && objects.get(key)?.etag === match;
  };
  const answer = (request: IncomingMessage, response: ServerResponse, body: Buffer) => {
    const url = new URL(request.url ?? '/', 'http://server');
    const key = url.pathname;
    const query = url.searchParams;
    if (query.has('versioning')) {
      if (defects.versioning === 'refused') fail(response, 403, 'AccessDenied');
      else
        response.end(
          `<VersioningConfiguration>${defects.versioning === undefined ? '' : `<Status>${defects.versioning}</Status>`}</VersioningConfiguration>`,
        );
    } else if (query.has('list-type')) {
      const contents = [...objects.keys()].map(
        (one) => `<Contents><Key>${one.replace('/bucket/', '')}</Key></Contents>`,
      );
      response.end(`<ListBucketResult>${contents.join('')}</ListBucketResult>`);
    } else if (query.has('versions')) {
      const versions = [...objects.keys()].map(
        (one) => `<Version><Key>${one.replace('/bucket/', '')}</Key></Version>`,
      );
      response.end(`<ListVersionsResult>${versions.join('')}</ListVersionsResult>`);
    } else if (query.has('uploads'))
      response.end(
        '<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>',
      );
    else if (query.has('partNumber')) response.setHeader('etag', '"part"').end();
    else if (request.method === 'POST') {
      if (!defects.ignoresConditionOnParts && !check(request, key))
        fail(response, 412, 'PreconditionFailed');
      else
        response.end(
          '<CompleteMultipartUploadResult><ETag>"x"</ETag></CompleteMultipartUploadResult>',
        );
    } else if (request.method === 'PUT') {
      const store = () => {
        const etag = `"${++writes}"`;
        objects.set(key, { etag, body });
        response.setHeader('etag', etag);
      };
      const isChecked = key.endsWith('/checksum') && !defects.ignoresChecksum;
      if (!check(request, key)) fail(response, 412, 'PreconditionFailed');
      else if (isChecked) {
        if (defects.keepsBadChecksum) store();
        fail(response, 400, 'BadDigest');
      } else if (defects.racy && key.includes('race'))
        setImmediate(() => {
          store();
          response.end();
        });
      else {
        store();
        response.end();
      }
    } else if (request.method === 'DELETE') {
      objects.delete(key);
      response.writeHead(204).end();
    } else {
      const found = objects.get(key);
      if (found === undefined) fail(response, 404, 'NoSuchKey');
      else
        response
          .writeHead(200, {
            etag: found.etag,
            'content-length': found.body.length,
            'last-modified': new Date(0).toUTCString(),
          })
          .end(request.method === 'HEAD' ? undefined : found.body);
    }
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { endpoint: `http://127.0.0.1:${port}`, objects };
}

async function open(t: ExecutionContext, endpoint: string, options: Partial<S3StoreOptions> = {}) {
  const store = await openS3Store({
    name: 's3',
    bucket: 'bucket',
    region: 'us-east-1',
    endpoint,
    forcePathStyle: true,
    access: 'write',
    maxAttempts: 1,
    // On a busy machine a connection to this process may wait as long as the process itself.
    connectMs: 120_000,
    signal,
    ...options,
  });
  t.teardown(() => store[Symbol.asyncDispose]());
  return store;
}

const noVersions =
  'The bucket keeps no versions: what is overwritten is gone, and shown as changed.';
const noChecksum = 'It does not check SHA-256 on arrival: what is written is read back to be sure.';
const probes: readonly (readonly [string, Defects, object, readonly string[]])[] = [
  [
    'a good bucket',
    { versioning: 'Enabled' },
    { conditionalWrites: true, versions: true, checksums: true },
    [],
  ],
  ['no versions', {}, { conditionalWrites: true, versions: false }, [noVersions]],
  [
    'versions may not be asked',
    { versioning: 'refused' },
    { versions: false },
    [
      'Whether the bucket keeps versions cannot be asked (AccessDenied): it is used as one without.',
    ],
  ],
  [
    'If-None-Match ignored',
    { ignoresIfNoneMatch: true },
    { conditionalWrites: false },
    [
      noVersions,
      'It ignores If-None-Match: two writers could overwrite each other.',
      'It ignores If-None-Match on uploads in parts.',
      'Its conditions do not hold at once: 8 of 8 writers won.',
    ],
  ],
  [
    'If-Match ignored',
    { ignoresIfMatch: true },
    { conditionalWrites: false },
    [
      noVersions,
      'It ignores If-Match: two writers could overwrite each other.',
      'Its conditions do not hold at once: 8 of 8 writers won.',
    ],
  ],
  [
    'If-Match always refused',
    { refusesIfMatch: true },
    { conditionalWrites: false },
    [noVersions, 'It refuses If-Match with the right ETag: nothing could be replaced safely.'],
  ],
  [
    'the condition on parts ignored',
    { ignoresConditionOnParts: true },
    { conditionalWrites: false },
    [noVersions, 'It ignores If-None-Match on uploads in parts.'],
  ],
  [
    'no checksums',
    { ignoresChecksum: true },
    { conditionalWrites: true, checksums: false },
    [noVersions, noChecksum],
  ],
  [
    'a bad checksum told and kept',
    { keepsBadChecksum: true },
    { checksums: false },
    [noVersions, 'It refuses a wrong SHA-256 and keeps the object all the same.', noChecksum],
  ],
];
for (const [title, defects, capabilities, remarks] of probes)
  test(`probe: ${title}`, async (t) => {
    const { endpoint, objects } = await startServer(t, defects);
    const store = await open(t, endpoint);
    t.like(store.capabilities, capabilities);
    t.deepEqual(store.capabilities.remarks, remarks);
    t.is(objects.size, 0, 'nothing is left behind');
  });

test('probe: conditions that hold one by one but not at once', async (t) => {
  const { endpoint } = await startServer(t, { racy: true });
  const { capabilities } = await open(t, endpoint);
  t.false(capabilities.conditionalWrites);
  t.regex(capabilities.remarks[1] ?? '', /^Its conditions do not hold at once: [2-8] of 8/);
});

test('probe: opened for reading nothing is written', async (t) => {
  const methods = new Set<string | undefined>();
  const { endpoint } = await startServer(t, {}, (request) => {
    methods.add(request.method);
    return false;
  });
  t.false((await open(t, endpoint, { access: 'read' })).capabilities.conditionalWrites);
  t.deepEqual([...methods], ['GET']);
});

type Case = {
  readonly answer: Answer;
  readonly code: ErrorCode;
  readonly retryable?: boolean;
  readonly outcomeUnknown?: boolean;
  readonly attempts?: number;
};

const status = (code: number, name: string) => (_: IncomingMessage, response: ServerResponse) => {
  response.writeHead(code).end(`<Error><Code>${name}</Code><Message>no</Message></Error>`);
  return true;
};
const hangUp: Answer = (request) => {
  request.socket.destroy();
  return true;
};
const silent: Answer = () => true;

const writeCases: Readonly<Record<string, Case>> = {
  'no permission': { answer: status(403, 'AccessDenied'), code: 'ERR_SOURCE_REFUSED' },
  'no such bucket': { answer: status(404, 'NoSuchBucket'), code: 'ERR_SOURCE_REFUSED' },
  'not implemented': { answer: status(501, 'NotImplemented'), code: 'ERR_SOURCE_REFUSED' },
  'clock off': { answer: status(403, 'RequestTimeTooSkewed'), code: 'ERR_SOURCE_CLOCK' },
  'no space': {
    answer: status(507, 'X'),
    code: 'ERR_SOURCE_FULL',
    retryable: true,
    outcomeUnknown: true,
  },
  quota: { answer: status(403, 'QuotaExceeded'), code: 'ERR_SOURCE_FULL', retryable: true },
  throttled: {
    answer: status(429, 'SlowDown'),
    code: 'ERR_SOURCE_UNREACHABLE',
    retryable: true,
  },
  'damaged on the way': {
    answer: status(400, 'BadDigest'),
    code: 'ERR_SOURCE_ANSWER',
    retryable: true,
  },
  'internal error': {
    answer: status(500, 'InternalError'),
    code: 'ERR_SOURCE_UNREACHABLE',
    retryable: true,
    outcomeUnknown: true,
  },
  'hung up': {
    answer: hangUp,
    code: 'ERR_SOURCE_UNREACHABLE',
    retryable: true,
    outcomeUnknown: true,
  },
  silent: {
    answer: silent,
    code: 'ERR_SOURCE_TIMEOUT',
    retryable: true,
    outcomeUnknown: true,
  },
  exists: { answer: status(412, 'PreconditionFailed'), code: 'ERR_CONFLICT_EXISTS' },
  'conflicting at once': {
    answer: status(409, 'ConditionalRequestConflict'),
    code: 'ERR_CONFLICT_EXISTS',
  },
};
for (const [title, { answer, code, retryable = false, outcomeUnknown = false }] of Object.entries(
  writeCases,
))
  test(`write: ${title}`, async (t) => {
    let ready = false;
    const { endpoint } = await startServer(
      t,
      {},
      (request, response) => ready && answer(request, response),
    );
    const store = await open(t, endpoint, title.includes('silent') ? { requestMs: 20_000 } : {});
    ready = true;
    const error = await throwsCode(
      t,
      () => store.write('k', Buffer.from('x'), { signal, condition: { kind: 'absent' } }),
      code,
    );
    if (code.startsWith('ERR_SOURCE_')) t.like(error, { retryable, outcomeUnknown });
  });

test('a conflict after a lost answer may be our own write: the outcome is unknown', async (t) => {
  let puts = 0;
  const { endpoint, objects } = await startServer(t, {}, (request) => {
    // The first try takes effect, but its answer is lost; the SDK tries again.
    if (request.method !== 'PUT' || !request.url?.startsWith('/bucket/k?') || ++puts > 1)
      return false;
    objects.set('/bucket/k', { etag: '"ours"', body: Buffer.from('x') });
    request.socket.destroy();
    return true;
  });
  const store = await open(t, endpoint, { maxAttempts: 3 });
  const error = await throwsCode(
    t,
    () => store.write('k', Buffer.from('x'), { signal, condition: { kind: 'absent' } }),
    'ERR_SOURCE_UNREACHABLE',
  );
  t.like(error, { retryable: true, outcomeUnknown: true });
  t.is(puts, 2);
});

test('a service that is busy for a moment is asked again', async (t) => {
  let failures = 2;
  const { endpoint } = await startServer(t, {}, (request, response) =>
    request.method === 'PUT' && failures-- > 0 ? status(503, 'SlowDown')(request, response) : false,
  );
  const store = await open(t, endpoint, { maxAttempts: 4 });
  t.is((await store.write('k', Buffer.from('x'), { signal })).size, 1);
});

const head = { etag: '"e"', 'last-modified': new Date(0).toUTCString() };
const readCases: Readonly<Record<string, Case>> = {
  'cut off': {
    answer: (request, response) => {
      response.writeHead(200, { ...head, 'content-length': '1000' });
      response.write(Buffer.alloc(100));
      setImmediate(() => request.socket.destroy());
      return true;
    },
    code: 'ERR_SOURCE_UNREACHABLE',
    retryable: true,
  },
  'silent in the middle': {
    answer: (_, response) => {
      response.writeHead(200, { ...head, 'content-length': '1000' });
      response.write(Buffer.alloc(100));
      return true;
    },
    code: 'ERR_SOURCE_TIMEOUT',
    retryable: true,
  },
  'another checksum than stored': {
    answer: (_, response) => {
      const checksum = Buffer.alloc(32).toString('base64');
      response
        .writeHead(200, { ...head, 'content-length': 7, 'x-amz-checksum-sha256': checksum })
        .end('changed');
      return true;
    },
    code: 'ERR_SOURCE_ANSWER',
    retryable: true,
  },
  'no ETag': {
    answer: (_, response) => {
      response
        .writeHead(200, { 'last-modified': head['last-modified'], 'content-length': 1 })
        .end('x');
      return true;
    },
    code: 'ERR_SOURCE_ANSWER',
  },
  'the whole instead of a range': {
    answer: (_, response) => {
      response.writeHead(200, { ...head, 'content-length': 100 }).end('x'.repeat(100));
      return true;
    },
    code: 'ERR_SOURCE_ANSWER',
  },
  'a deleted version': { answer: status(405, 'MethodNotAllowed'), code: 'ERR_SOURCE_NOT_FOUND' },
};
for (const [title, { answer, code, retryable = false }] of Object.entries(readCases))
  test(`read: ${title}`, async (t) => {
    let ready = false;
    const { endpoint } = await startServer(
      t,
      {},
      (request, response) => ready && answer(request, response),
    );
    const store = await open(t, endpoint, title.includes('silent') ? { requestMs: 20_000 } : {});
    ready = true;
    const range = title.includes('range') ? { start: 5, end: 10 } : undefined;
    const error = await throwsCode(
      t,
      async () => collect((await store.read('k', { signal, range })).body),
      code,
    );
    t.like(error, { retryable, outcomeUnknown: false });
  });

test('tags that may not be read are remarked, the rest is there', async (t) => {
  const { endpoint } = await startServer(t, {}, (request, response) =>
    request.url?.includes('tagging') === true
      ? status(403, 'AccessDenied')(request, response)
      : false,
  );
  const store = await open(t, endpoint);
  await store.write('k', Buffer.from('x'), { signal });
  const found = await store.head('k', { signal });
  t.deepEqual(found.tags, {});
  t.is(found.remark, 'the tags of k cannot be read: AccessDenied');
});

const entry = (key: string) =>
  `<Contents><Key>${key}</Key><Size>1</Size><ETag>"e"</ETag><LastModified>2026-01-01T00:00:00Z</LastModified></Contents>`;
type Pages = Readonly<Record<string, string>>;
const listCases: readonly (readonly [string, Pages, readonly string[] | ErrorCode])[] = [
  [
    'an empty last page',
    {
      '': `${entry('a')}<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>`,
      t: '<IsTruncated>false</IsTruncated>',
    },
    ['a'],
  ],
  [
    'an empty page in between',
    {
      '': `<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>`,
      t: entry('a'),
    },
    ['a'],
  ],
  [
    'keys percent-encoded',
    { '': `<EncodingType>url</EncodingType>${entry('a%01b+c%2B')}` },
    ['a\u0001b c+'],
  ],
  ['keys as they stand', { '': entry('a+b%2B') }, ['a+b%2B']],
  ['keys out of order', { '': entry('b') + entry('a') }, 'ERR_SOURCE_ANSWER'],
  [
    'a page again and again',
    {
      '': `${entry('a')}<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>`,
      t: `<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>`,
    },
    'ERR_SOURCE_ANSWER',
  ],
  [
    'truncated, without a token',
    { '': `${entry('a')}<IsTruncated>true</IsTruncated>` },
    'ERR_SOURCE_ANSWER',
  ],
  ['no ETag', { '': '<Contents><Key>a</Key></Contents>' }, 'ERR_SOURCE_ANSWER'],
];
for (const [title, pages, expected] of listCases)
  test(`list: ${title}`, async (t) => {
    let ready = false;
    const { endpoint } = await startServer(t, {}, (request, response) => {
      if (!ready) return false;
      const token = new URL(request.url ?? '', 'http://s').searchParams.get('continuation-token');
      response.end(`<ListBucketResult>${pages[token ?? ''] ?? ''}</ListBucketResult>`);
      return true;
    });
    const store = await open(t, endpoint, { access: 'read' });
    ready = true;
    const list = async () => (await Array.fromAsync(store.list({ signal }))).map(({ key }) => key);
    if (typeof expected === 'string') await throwsCode(t, list, expected);
    else t.deepEqual(await list(), expected);
  });

test('no server, no bucket: told before anything else', async (t) => {
  await throwsCode(t, () => open(t, 'http://127.0.0.1:1'), 'ERR_SOURCE_UNREACHABLE');
  const { endpoint } = await startServer(t, {}, status(404, 'NoSuchBucket'));
  await throwsCode(t, () => open(t, endpoint), 'ERR_SOURCE_REFUSED');
});

type Encryption = Readonly<Record<string, string>>;
const encryptions: readonly (readonly [string, Encryption])[] = [
  ['the store’s own keys', { 'x-amz-server-side-encryption': 'AES256' }],
  [
    'a key of the key service, by bucket',
    {
      'x-amz-server-side-encryption': 'aws:kms',
      'x-amz-server-side-encryption-aws-kms-key-id': 'arn:aws:kms:ap-northeast-1:1:key/ward',
      'x-amz-server-side-encryption-bucket-key-enabled': 'true',
    },
  ],
  ['two layers', { 'x-amz-server-side-encryption': 'aws:kms:dsse' }],
  ['none', {}],
];
const sizes: readonly (readonly [string, () => Uint8Array | AsyncIterable<Uint8Array>])[] = [
  ['at once', () => Buffer.from('new')],
  [
    'in parts',
    async function* () {
      for (let i = 0; i < 17; i++) yield await Promise.resolve(new Uint8Array(1024 * 1024));
    },
  ],
];
for (const [name, encryption] of encryptions)
  for (const [how, content] of sizes)
    test(`a new version is encrypted as the one before (R-43): ${name}, written ${how}`, async (t) => {
      const asked: Encryption[] = [];
      let isOpen = false;
      const { endpoint } = await startServer(t, {}, (request, response) => {
        if (!isOpen) return false;
        const query = new URL(request.url ?? '', 'http://s').searchParams;
        if (request.method === 'HEAD')
          response.writeHead(200, { etag: '"1"', 'content-length': 1, ...encryption }).end();
        else if (query.has('tagging')) response.writeHead(501).end();
        else {
          // Where an object begins: parts, and what puts them together, name no encryption.
          if (query.has('uploads') || (request.method === 'PUT' && !query.has('partNumber')))
            asked.push(
              Object.fromEntries(
                Object.entries(request.headers).flatMap(([header, value]) =>
                  header.startsWith('x-amz-server-side') ? [[header, String(value)]] : [],
                ),
              ),
            );
          return false;
        }
        return true;
      });
      const store = await open(t, endpoint);
      isOpen = true;
      await store.write('document', content(), { successorOf: { metadata: {} }, signal });
      t.deepEqual(asked, [encryption]);
    });

const kms = {
  'x-amz-server-side-encryption': 'aws:kms',
  'x-amz-server-side-encryption-aws-kms-key-id': 'arn:key/ward',
};
type Unlike = {
  readonly name: string;
  /** What the service says of the new version. */
  readonly kept: Encryption;
  /** How it answers where that version is to be taken away; `undefined`: it has none. */
  readonly removal?: number;
  readonly message?: RegExp;
};
const unlike: readonly Unlike[] = [
  {
    name: 'none, in silence',
    kept: {},
    removal: 204,
    message: /by aws:kms with the key arn:key\/ward, .* is encrypted not at all; it was taken away/,
  },
  {
    name: 'the store’s own keys',
    kept: { 'x-amz-server-side-encryption': 'AES256' },
    removal: 204,
    message: /is encrypted by AES256; it was taken away/,
  },
  {
    name: 'another key',
    kept: { ...kms, 'x-amz-server-side-encryption-aws-kms-key-id': 'arn:key/other' },
    removal: 204,
    message: /with the key arn:key\/other; it was taken away/,
  },
  { name: 'none, and locked', kept: {}, removal: 403, message: /it is still there/ },
  { name: 'none, without versions', kept: {}, message: /it is still there/ },
  { name: 'the same', kept: kms, removal: 204 },
];
for (const { name, kept, removal, message } of unlike)
  test(`the encryption of a new version is read back (R-43): ${name}`, async (t) => {
    let isOpen = false;
    let isWritten = false;
    const removed: string[] = [];
    const defects = removal === undefined ? {} : ({ versioning: 'Enabled' } as const);
    const { endpoint } = await startServer(t, defects, (request, response) => {
      if (!isOpen) return false;
      const query = new URL(request.url ?? '', 'http://s').searchParams;
      if (request.method === 'HEAD') {
        const encryption = isWritten ? kept : kms;
        response.writeHead(200, { etag: '"1"', 'content-length': 1, ...encryption }).end();
        if (isWritten) t.is(query.get('versionId'), removal === undefined ? null : 'v2');
      } else if (query.has('tagging')) response.writeHead(501).end();
      else if (request.method === 'DELETE') {
        removed.push(query.get('versionId') ?? 'all of it');
        response.writeHead(removal ?? 500).end();
      } else {
        isWritten = true;
        response
          .writeHead(200, { etag: '"2"', ...(removal && { 'x-amz-version-id': 'v2' }) })
          .end();
      }
      return true;
    });
    const store = await open(t, endpoint);
    isOpen = true;
    const write = () =>
      store.write('document', Buffer.from('new'), { successorOf: { metadata: {} }, signal });
    if (message === undefined) {
      await write();
      t.deepEqual(removed, []);
      return;
    }
    const error = await t.throwsAsync(write, { instanceOf: SourceError, message });
    t.like(error, {
      code: 'ERR_SOURCE_REFUSED',
      retryable: false,
      outcomeUnknown: removal !== 204,
    });
    t.deepEqual(removed, removal === undefined ? [] : ['v2']);
  });

test('what only the owner’s key opens is refused, never taken for something else', async (t) => {
  let isOpen = false;
  const { endpoint } = await startServer(t, {}, (_, response) => {
    if (!isOpen) return false;
    response
      .writeHead(400)
      .end(
        '<Error><Code>InvalidRequest</Code><Message>The object was stored using a form of Server Side Encryption.</Message></Error>',
      );
    return true;
  });
  const store = await open(t, endpoint);
  isOpen = true;
  await throwsCode(t, () => store.read('document', { signal }), 'ERR_SOURCE_REFUSED');
});
