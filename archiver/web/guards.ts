// Who may see the page and who may press its button. The page has no users: what guards it is the
// loopback address, so names that only resolve to it and forms of other sites are refused.
import { isIP } from 'node:net';
import type { Request } from 'express';
import { equalBytes } from '#shared/bytes.ts';

/** Whether an address is this machine's own: 127.0.0.0/8, ::1, or the former inside IPv6. */
export function isLoopback(address: string | undefined): boolean {
  if (address === undefined) return false;
  const plain = address.replace(/^::ffff:/i, '');
  return (
    plain === '::1' || plain === 'localhost' || (isIP(plain) === 4 && plain.startsWith('127.'))
  );
}

/** The host name of a Host header without port and brackets; absent where it is no host. */
function hostName(header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  const url = URL.parse(`http://${header}/`);
  if (url?.username !== '' || url.pathname !== '/' || url.search !== '') return undefined;
  return url.hostname.replace(/^\[|\]$/g, '');
}

/**
 * Whether a request names this server by a name that only this machine gives it. A page of another
 * site whose name was rebound to 127.0.0.1 would read the report with its own name in Host.
 */
export function namesThisServer(request: Request, configuredHost: string): boolean {
  const name = hostName(request.headers.host);
  if (name === undefined) return false;
  return !isLoopback(configuredHost) || isLoopback(name) || name === configuredHost;
}

/**
 * Whether a form came from this very page: by Sec-Fetch-Site and Origin where the browser sends them
 * (Fetch §3.2, Fetch Metadata §2.2).
 */
export function isSameOrigin(request: Request): boolean {
  const site = request.headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin') return false;
  const { origin } = request.headers;
  return origin === undefined || URL.parse(origin)?.host === request.headers.host;
}

/** Whether a form carries the token of this process; takes the same time wherever they differ. */
export function hasToken(body: unknown, token: string): boolean {
  if (typeof body !== 'object' || body === null || !('token' in body)) return false;
  if (typeof body.token !== 'string') return false;
  const encoder = new TextEncoder();
  return equalBytes(encoder.encode(body.token), encoder.encode(token));
}
