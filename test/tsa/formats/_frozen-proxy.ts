// The proxy that frozen state folders were made by, and are opened by: a paid provider before the local unit, whose key
// is encrypted, and digests that are taken.
import path from 'node:path';
import { toHex } from '#shared/bytes.ts';
import { digest } from '#shared/crypto/digest.ts';
import {
  defaultEvidence,
  defaultLocalProvider,
  type EvidenceConfig,
  type HttpProviderConfig,
  type TsaConfig,
} from '#tsa/config/config.ts';
import { configWith } from '../_proxy.ts';

export const keyPassword = 'for a frozen key';

/** What of a folder is the state folder. */
export const stateIn = (folder: string): string => path.join(folder, 'state');

/** `folder` has a file `password` beside the state folder. */
export function frozenConfig(
  folder: string,
  paid: HttpProviderConfig,
  evidence: Partial<EvidenceConfig> = {},
): TsaConfig {
  const local = { ...defaultLocalProvider, keyPasswordFile: path.join(folder, 'password') };
  const config = configWith(stateIn(folder), [paid, local]);
  return { ...config, evidence: { ...defaultEvidence, intervalSeconds: 0, ...evidence } };
}

/** Digests posted for their records. */
export function postDigests(
  url: string,
  texts: readonly string[],
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  const digests = texts.map((text) => toHex(digest('SHA-256', Buffer.from(text))));
  return fetch(`${url}evidence/default`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ hashAlgorithm: 'SHA-256', digests }),
  });
}

/** The query of each text: what is asked twice has the same octets. */
export const frozenTexts = ['by the local unit', 'by the provider', 'late'] as const;
