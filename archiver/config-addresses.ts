// Addresses in the configuration: no secret stands in one, and none goes where others can read along.
import type { ConfigProblem } from '#shared/errors.ts';
import type { KeyPath, YamlConfig } from '#shared/yaml-config.ts';
import type { ArchiverSettings } from './config-schema.ts';

const loopbackHosts = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** Every address with its place in the file. */
function addressesOf(settings: ArchiverSettings): (readonly [KeyPath, string])[] {
  const { tsa, secondTsa, signers, stores, evidence, webhook } = settings;
  const found: (readonly [KeyPath, string])[] = [[['tsa', 'url'], tsa.url]];
  if (secondTsa) found.push([['secondTsa', 'url'], secondTsa.url]);
  if (webhook) found.push([['webhook', 'url'], webhook.url]);
  const places = [
    ...stores.map((store, index) => [['stores', index, 'endpoint'], store] as const),
    ...(evidence ? [[['evidence', 'endpoint'], evidence] as const] : []),
  ];
  for (const [path, store] of places)
    if (store.kind === 's3' && store.endpoint !== undefined) found.push([path, store.endpoint]);
  for (const [path, crls] of [
    [['tsa', 'crls'], tsa.crls],
    [['secondTsa', 'crls'], secondTsa?.crls ?? []],
    [['signers', 'crls'], signers.crls],
  ] as const)
    found.push(...crls.map((crl, index) => [[...path, index], crl] as const));
  return found;
}

/** Adds what is wrong with addresses; messages do not repeat them. */
export function checkAddresses(
  settings: ArchiverSettings,
  at: YamlConfig<unknown>,
  problems: ConfigProblem[],
): void {
  for (const [path, address] of addressesOf(settings)) {
    const url = URL.parse(address);
    if (url && (url.username !== '' || url.password !== ''))
      problems.push(at.problem(path, 'no credentials in an address: they would be in messages'));
  }
  for (const name of ['tsa', 'secondTsa'] as const) {
    const authority = settings[name];
    if (!authority || authority.auth.kind === 'none') continue;
    const { protocol, hostname } = new URL(authority.url);
    if (protocol !== 'https:' && !loopbackHosts.test(hostname))
      problems.push(at.problem([name, 'auth'], 'no password goes over plain http'));
  }
}
