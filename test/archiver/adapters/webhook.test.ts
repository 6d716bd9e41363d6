import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import test from 'ava';
import { buildWebhookBody, sendWebhook, type WebhookBody } from '#archiver/adapters/webhook.ts';
import type { FindingLine, RunSummary } from '#archiver/reports/report.ts';
import { openHttpSender } from '#shared/io/http-sender.ts';

const run: RunSummary = {
  runId: 'r1',
  startedAt: '2030-01-01T00:00:00Z',
  finishedAt: '2030-01-01T00:01:00Z',
  outcome: 'findings',
  scanned: 0,
  added: 0,
  protectedGroups: 0,
  timestampRenewals: 0,
  hashTreeRenewals: 0,
  tokensBought: 0,
  cost: undefined,
  reread: 0,
  findings: [],
  nextDue: undefined,
};

const contacts = [
  { party: 'facility', contact: 'Archive desk, 03-0000-0000' },
  { party: 'tsa' },
] as const;

function finding(kind: string, key?: string): FindingLine {
  return { kind, level: 'error', key, message: 'm' };
}

test('broken, overdue, waiting and ceiling are alarms; anything else is not', (t) => {
  const kinds = ['missing', 'overdue', 'waiting', 'above-ceiling', 'no-token', 'toString'];
  const body = buildWebhookBody(
    'a',
    run,
    kinds.map((kind) => finding(kind)),
    contacts,
  );
  t.deepEqual(body?.contacts, contacts);
  t.deepEqual(body?.alarms, { broken: 1, overdue: 1, waiting: 1, ceiling: 1 });
  t.deepEqual(
    body?.findings.map(({ alarm, kind }) => [alarm, kind]),
    [
      ['broken', 'missing'],
      ['overdue', 'overdue'],
      ['waiting', 'waiting'],
      ['ceiling', 'above-ceiling'],
    ],
  );
});

test('nothing is sent where nothing is an alarm', (t) => {
  t.is(buildWebhookBody('a', run, [finding('no-token')], contacts), undefined);
});

test('a hundred findings are listed, the rest counted', (t) => {
  const body = buildWebhookBody(
    'a',
    run,
    Array.from({ length: 130 }, () => finding('broken', 'k')),
    contacts,
  );
  t.is(body?.findings.length, 100);
  t.is(body?.leftOut, 30);
  t.is(body?.alarms.broken, 130);
});

const body: WebhookBody = {
  format: 'tokiwa-webhook',
  version: 1,
  archiveId: 'a',
  runId: 'r1',
  finishedAt: run.finishedAt,
  outcome: 'findings',
  alarms: { broken: 1, overdue: 0, waiting: 0, ceiling: 0 },
  findings: [{ alarm: 'broken', ...finding('broken', '診療録/a.pdf') }],
  contacts,
  leftOut: 0,
};

/** A receiver that answers with `status` and keeps what it got. */
async function receiver(status: number) {
  const got: { type: string | undefined; method: string | undefined; text: string }[] = [];
  const server = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8');
    request.on('data', (part: string) => {
      text += part;
    });
    request.on('end', () => {
      got.push({ type: request.headers['content-type'], method: request.method, text });
      response.writeHead(status).end();
    });
  });
  const listening = Promise.withResolvers<undefined>();
  server.listen(0, '127.0.0.1', () => {
    listening.resolve(undefined);
  });
  await listening.promise;
  return {
    got,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    [Symbol.dispose]: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

const { signal } = new AbortController();

test('one POST with the message as JSON', async (t) => {
  using hook = await receiver(204);
  await using sender = openHttpSender();
  t.is(await sendWebhook(body, { url: hook.url, sender, signal }), undefined);
  t.is(hook.got.length, 1);
  const [message] = hook.got;
  t.is(message?.method, 'POST');
  t.is(message?.type, 'application/json');
  t.deepEqual(JSON.parse(message?.text ?? ''), body);
});

test('a receiver that refuses is a finding', async (t) => {
  using hook = await receiver(500);
  await using sender = openHttpSender();
  const failure = await sendWebhook(body, { url: hook.url, sender, signal });
  t.like(failure, { kind: 'webhook', level: 'warning' });
  t.regex(failure?.message ?? '', /500/);
});

test('a receiver that is not there is a finding', async (t) => {
  const hook = await receiver(200);
  hook[Symbol.dispose]();
  await using sender = openHttpSender();
  const failure = await sendWebhook(body, { url: hook.url, sender, signal });
  t.is(failure?.kind, 'webhook');
});

test('an aborted run is not a finding', async (t) => {
  using hook = await receiver(200);
  await using sender = openHttpSender();
  const reason = new Error('stopped');
  await t.throwsAsync(
    sendWebhook(body, { url: hook.url, sender, signal: AbortSignal.abort(reason) }),
    { is: reason },
  );
});
