// The proxy as a process: signals, and a log that nobody reads any more.
import { once } from 'node:events';
import { Agent, request, type IncomingMessage } from 'node:http';
import test from 'ava';
import { ask, queryFor, temporaryFolder } from './_proxy.ts';
import { serveTsa } from './_served.ts';
import { startUpstream } from './_upstream.ts';

const local = {
  profiles: { default: { providers: ['local'] } },
  providers: { local: { type: 'local' } },
};

test('who reads the log goes away: clients are served all the same, and it ends as it should', async (t) => {
  await using folder = await temporaryFolder();
  await using tsa = await serveTsa(folder.path, 'unit', local);
  tsa.closeLog();
  for (const text of ['a', 'b', 'c'])
    t.is((await ask(tsa.url, queryFor(text))).response.statusName, 'granted');
  tsa.kill('SIGTERM');
  t.is(await tsa.ended, 'status 0');
});

test('a second SIGTERM does not wait for a provider that hangs', async (t) => {
  await using folder = await temporaryFolder();
  const asked = Promise.withResolvers<undefined>();
  await using upstream = await startUpstream({
    now: () => Temporal.Now.instant(),
    handler: () => {
      asked.resolve(undefined);
      return 'hang';
    },
  });
  const { name, kind: type, url, anchors, tsaPolicies } = await upstream.provider(folder.path);
  const timeouts = { connectMs: 60_000, responseMs: 290_000, lateMs: 300_000 };
  await using tsa = await serveTsa(folder.path, 'proxy', {
    deadlineMs: 300_000,
    audit: { stamp: false },
    profiles: { default: { providers: [name] } },
    providers: { [name]: { type, url, anchors, tsaPolicies, timeouts } },
  });
  const cutOff = t.throwsAsync(ask(tsa.url, queryFor('a')));
  await asked.promise;
  const agent = new Agent({ keepAlive: true });
  const [incoming] = (await once(request(`${tsa.url}healthz`, { agent }).end(), 'response')) as [
    IncomingMessage,
  ];
  const closed = once(incoming.socket, 'close');
  incoming.resume();
  tsa.kill('SIGTERM');
  // A connection without a request is ended at once: from here on the first signal has been heard.
  await closed;
  agent.destroy();
  tsa.kill('SIGTERM');
  t.is(await tsa.ended, 'SIGTERM');
  await cutOff;
});
