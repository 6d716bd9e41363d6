import { request } from 'node:http';
import test from 'ava';
import { serveReport } from '#archiver/web/server.ts';
import { SourceError } from '#shared/errors.ts';
import { at, rules } from '../reports/_archive.ts';
import { serve } from './_serve.ts';

test('the page in the language that is asked for, else the browser’s, else Japanese', async (t) => {
  await using site = await serve();
  const language = async (path: string, accept?: string): Promise<string | null> => {
    const answer = await site.get(path, accept === undefined ? {} : { 'accept-language': accept });
    t.is(answer.status, 200);
    t.regex(await answer.text(), /^<!doctype html>/);
    return answer.headers.get('content-language');
  };
  t.is(await language('/?lang=en', 'ja'), 'en');
  t.is(await language('/?lang=ja', 'en'), 'ja');
  t.is(await language('/', 'fr, en;q=0.8, ja;q=0.5'), 'en');
  t.is(await language('/', 'ja-JP, en;q=0.8'), 'ja');
  t.is(await language('/?lang=xx', 'fr'), 'ja');
});

test('headers allow nothing but the page’s own', async (t) => {
  await using site = await serve();
  const { headers } = await site.get('/');
  const policy = headers.get('content-security-policy') ?? '';
  t.regex(policy, /^default-src 'none';style-src 'sha256-[^']+';script-src 'sha256-[^']+';/);
  t.false(policy.includes('unsafe'));
  t.is(headers.get('x-powered-by'), null);
  t.is(headers.get('x-content-type-options'), 'nosniff');
  t.is(headers.get('strict-transport-security'), null);
  t.is(headers.get('cache-control'), 'no-store');
});

test('filters and page numbers that make no sense are as if they were not said', async (t) => {
  await using site = await serve();
  for (const query of [
    'state=x',
    'intake=x',
    'page=-1',
    'page=1e9',
    'q[]=a',
    'q=a&q=b',
    'state=%00',
  ])
    t.is((await site.get(`/?${query}`)).status, 200, query);
});

test('/report.json', async (t) => {
  await using site = await serve();
  const answer = await site.get('/report.json');
  t.regex(answer.headers.get('content-type') ?? '', /^application\/json/);
  t.like(await answer.json(), { format: 'tokiwa-report', archiveId: 'archive-1' });
});

test('/status and /healthz', async (t) => {
  await using site = await serve({ status: () => ({ running: true, stage: 'scan', done: 3 }) });
  t.deepEqual(await (await site.get('/status')).json(), { running: true, stage: 'scan', done: 3 });
  t.is(await (await site.get('/healthz')).text(), 'ok\n');
});

test('the button runs a night and leads back to the page in its language', async (t) => {
  await using site = await serve();
  const token = await site.token();
  t.is(token.length, 64);
  const answer = await site.post({ token, lang: 'en' }, { origin: new URL(site.url).origin });
  t.is(answer.status, 303);
  t.is(answer.headers.get('location'), '/?lang=en');
  t.is(site.runs(), 1);
});

const refused = test.macro({
  exec: async (t, form: Record<string, string>, headers: Record<string, string>) => {
    await using site = await serve();
    const token = await site.token();
    const filled = Object.fromEntries(
      Object.entries(form).map(([name, value]) => [name, value === 'right' ? token : value]),
    );
    const answer = await site.post(filled, headers);
    t.is(answer.status, 403);
    t.regex(answer.headers.get('content-type') ?? '', /^text\/plain/);
    t.is(site.runs(), 0);
  },
  title: (name) => `a run is refused: ${name ?? ''}`,
});

test('without a token', refused, {}, {});
test('with another token', refused, { token: '07'.repeat(31) }, {});
test(
  'from another site, by Origin',
  refused,
  { token: 'right' },
  { origin: 'http://evil.example' },
);
test('from another port', refused, { token: 'right' }, { origin: 'http://127.0.0.1:1' });
test('from nowhere that can be named', refused, { token: 'right' }, { origin: 'null' });
test(
  'from another site, by Sec-Fetch-Site',
  refused,
  { token: 'right' },
  { 'sec-fetch-site': 'cross-site' },
);
test(
  'from another site of the same name',
  refused,
  { token: 'right' },
  { 'sec-fetch-site': 'same-site' },
);

test('a run that fails is an event and no error of the page', async (t) => {
  await using site = await serve({ runNow: () => Promise.reject(new Error('lease held')) });
  t.is((await site.post({ token: await site.token() })).status, 303);
  t.like(site.events[0], { name: 'archiver.web.run-failed', message: 'lease held' });
});

test('evidence of a document as an attachment with its name', async (t) => {
  await using site = await serve();
  const query = new URLSearchParams({ store: 'documents', key: '診療録/valid.pdf', version: '' });
  const answer = await site.get(`/evidence?${query.toString()}`);
  t.is(answer.status, 200);
  t.is(await answer.text(), '診療録/valid.pdf');
  t.is(answer.headers.get('content-type'), 'application/octet-stream');
  t.regex(
    answer.headers.get('content-disposition') ?? '',
    /^attachment; filename=valid\.pdf\.ers$/,
  );
});

test('evidence of what is not there', async (t) => {
  await using site = await serve({
    evidenceOf: () =>
      Promise.reject(new SourceError('ERR_SOURCE_NOT_FOUND', 'waits', { retryable: true })),
  });
  t.is((await site.get('/evidence?store=documents&key=nothing&version=')).status, 404);
  t.is((await site.get('/evidence?store=documents&key=new&version=')).status, 404);
  t.is((await site.get('/evidence')).status, 400);
});

test('a timeline where there is one', async (t) => {
  await using none = await serve();
  t.is((await none.get('/timeline.svg')).status, 404);
  await using some = await serve({ timeline: () => Promise.resolve('<svg/>') });
  t.is(await (await some.get('/timeline.svg')).text(), '<svg/>');
  t.true((await (await some.get('/')).text()).includes('src="/timeline.svg"'));
});

test('what fails inside is told in one sentence and logged', async (t) => {
  await using site = await serve({
    openCatalogue: () => Promise.reject(new Error('secret place')),
  });
  const answer = await site.get('/');
  t.is(answer.status, 500);
  t.false((await answer.text()).includes('secret'));
  t.like(site.events[0], { name: 'archiver.web.failed', path: '/', message: 'secret place' });
});

const answered = test.macro({
  exec: async (t, method: string, path: string, status: number, allow: string | null) => {
    await using site = await serve();
    const answer = await fetch(new URL(path, site.url), { method });
    t.is(answer.status, status);
    t.is(answer.headers.get('allow'), allow);
  },
  title: (_, method: string, path: string) => `${method} ${path}`,
});

test(answered, 'POST', '/', 405, 'GET, HEAD');
test(answered, 'DELETE', '/report.json', 405, 'GET, HEAD');
test(answered, 'GET', '/run', 405, 'POST');
test(answered, 'GET', '/nothing', 404, null);
test(answered, 'GET', '/../../etc/passwd', 404, null);
test(answered, 'HEAD', '/', 200, null);

test('a body that is too long is refused', async (t) => {
  await using site = await serve();
  t.is((await site.post({ token: 'x'.repeat(10_000) })).status, 413);
  t.is(site.runs(), 0);
});

/** Status of a request with a Host header of its own, which fetch does not let through. */
function statusWithHost(url: string, host: string): Promise<number | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<number | undefined>();
  request(url, { headers: { host } }, (answer) => {
    answer.resume();
    resolve(answer.statusCode);
  })
    .on('error', reject)
    .end();
  return promise;
}

test('a name that only resolves to this machine is refused', async (t) => {
  await using site = await serve();
  for (const host of ['localhost', '127.0.0.1:9', '[::1]:80', 'LOCALHOST:3180'])
    t.is(await statusWithHost(site.url, host), 200, host);
  for (const host of [
    'evil.example',
    'localhost.evil.example',
    'a@localhost',
    '127.0.0.1.evil.example',
  ])
    t.is(await statusWithHost(site.url, host), 421, host);
});

test('an address that is taken is a clear error', async (t) => {
  await using site = await serve();
  const { hostname, port } = new URL(site.url);
  const error = await t.throwsAsync(
    serveReport({
      config: { host: hostname, port: Number(port) },
      openCatalogue: () => Promise.reject(new Error('not asked')),
      archiveId: '',
      rules: () => Promise.resolve(rules),
      runNow: () => Promise.resolve(),
      status: () => ({ running: false }),
      clock: { now: () => at },
      random: (length) => new Uint8Array(length),
      events: () => undefined,
    }),
    { instanceOf: SourceError },
  );
  t.is(error.code, 'ERR_SOURCE_REFUSED');
});
