// Who a client is: by its certificate, its key, or its password; never by its address. Pure: what was presented goes
// in, a client or a reason comes out.
import { BlockList, isIP } from 'node:net';
import { toHex } from '#shared/bytes.ts';
import { digest } from '#shared/crypto/digest.ts';
import type { GeneralName } from '#shared/x509/general-name.ts';
import type { Certificate } from '#shared/x509/certificate.ts';

/** By which a certificate belongs to a client; one of the first three. */
export type CertificateRule = {
  /** RFC 4514, most specific first, as `openssl x509 -subject -nameopt RFC2253` prints it. */
  readonly subject?: string | undefined;
  /** One of the alternative names: `dns:HOST`, `email:ADDRESS` or `uri:URI`. */
  readonly san?: string | undefined;
  /** SHA-256 of the certificate, hexadecimal. */
  readonly fingerprint?: string | undefined;
  /** Besides, who has to have issued it, written like `subject`: several authorities may give one name away. */
  readonly issuer?: string | undefined;
};

/** What a client may do: get timestamps, read status and metrics, operate the proxy, administer keys of clients. */
export const roles = ['stamp', 'read', 'operate', 'administer'] as const;
export type Role = (typeof roles)[number];

/** A system that may ask for timestamps. */
export type ClientConfig = {
  readonly name: string;
  /** What it may do; absent: get timestamps and nothing else. */
  readonly roles?: readonly Role[];
  /** Profiles that it may use; the first is behind `/` for it. */
  readonly profiles: readonly string[];
  readonly certificates: readonly CertificateRule[];
  /** SHA-256 of its keys, hexadecimal. */
  readonly keys: readonly string[];
  /** Its passwords by scrypt; the user's name is the client's. */
  readonly passwords: readonly string[];
  /** From where it may ask, as CIDR; none: from anywhere. */
  readonly networks: readonly string[];
  /** Requests a minute, in bursts of no more; `undefined`: any number. */
  readonly requestsPerMinute: number | undefined;
  /** Tokens a day; `undefined`: any number. */
  readonly tokensPerDay: number | undefined;
};

/** What is kept of a key: its SHA-256, hexadecimal. */
export function sha256OfKey(key: string): string {
  return toHex(digest('SHA-256', Buffer.from(key)));
}

/** Everyone, where no clients are configured. */
export const anonymousClient = 'anonymous';

/** Names that the books give away themselves: a client that had one would be billed with others. */
export const reservedNames: readonly string[] = [
  anonymousClient,
  'probe',
  'audit',
  'doctor',
  'unknown',
];

/** What a request brings along. */
export type Presented =
  | { readonly kind: 'key'; readonly key: string }
  | { readonly kind: 'password'; readonly user: string; readonly password: string };

/**
 * The credentials of an Authorization header: a bearer key (RFC 6750 §2.1), or user and password (RFC 7617); the
 * password may be a key as well, since many clients know nothing else.
 */
export function readAuthorization(header: string | undefined): Presented | undefined {
  const [, scheme = '', value = ''] = /^(\w+) +([\x21-\x7e]{1,512})$/.exec(header ?? '') ?? [];
  if (/^bearer$/i.test(scheme)) return { kind: 'key', key: value };
  if (!/^basic$/i.test(scheme)) return undefined;
  const text = Buffer.from(value, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  if (colon < 1) return undefined;
  return { kind: 'password', user: text.slice(0, colon), password: text.slice(colon + 1) };
}

/** An alternative name as rules write it; `undefined` for kinds that no rule can name. */
function sanText(name: GeneralName): string | undefined {
  switch (name.kind) {
    case 'dNSName':
      return `dns:${name.value.toLowerCase()}`;
    case 'rfc822Name':
      return `email:${name.value}`;
    case 'uniformResourceIdentifier':
      return `uri:${name.value}`;
    default:
      return undefined;
  }
}

/** Host names know no case (RFC 4343); mailboxes and paths may. */
function comparableSan(san: string): string {
  return san.startsWith('dns:') ? san.toLowerCase() : san;
}

/** A name in which the attributes of a multi-valued RDN stand in one order: they are a set (RFC 4514 §2.2). */
function comparableName(text: string): string {
  const rdns = text.match(/(?:\\.|[^\\,])+/gs) ?? [];
  return rdns.map((rdn) => (rdn.match(/(?:\\.|[^\\+])+/gs) ?? []).sort().join('+')).join(',');
}

function isSameName(rule: string, name: string): boolean {
  return rule === name || comparableName(rule) === comparableName(name);
}

function matches(rule: CertificateRule, certificate: Certificate): boolean {
  const { subject, san, fingerprint, issuer } = rule;
  if (issuer !== undefined && !isSameName(issuer, certificate.issuer.text)) return false;
  if (fingerprint !== undefined) return fingerprint === certificate.fingerprint;
  if (subject !== undefined) return isSameName(subject, certificate.subject.text);
  if (san === undefined) return false;
  const wanted = comparableSan(san);
  return (certificate.subjectAltName ?? []).some((name) => sanText(name) === wanted);
}

/** What is two clients' opens the door to neither: it would not say who came. */
function onlyOne(found: readonly ClientConfig[]): ClientConfig | undefined {
  return found.length === 1 ? found[0] : undefined;
}

/** The client whose certificate this is; `undefined` for nobody's, or more than one's. */
export function clientOfCertificate(
  clients: readonly ClientConfig[],
  certificate: Certificate,
): ClientConfig | undefined {
  const isOf = ({ certificates }: ClientConfig): boolean =>
    certificates.some((rule) => matches(rule, certificate));
  return onlyOne(clients.filter(isOf));
}

/** The client whose key this is; `undefined` for nobody's, or more than one's. */
export function clientOfKey(
  clients: readonly ClientConfig[],
  key: string,
): ClientConfig | undefined {
  // What is compared is a digest: how long that takes says nothing of a key.
  const hash = sha256OfKey(key);
  return onlyOne(clients.filter(({ keys }) => keys.includes(hash)));
}

/** `::ffff:10.0.0.1`, as a socket for both families shows an IPv4 address, is 10.0.0.1. */
function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '');
}

/** Whether `text` is an address with its prefix length. */
export function isNetwork(text: string): boolean {
  const [, address = '', length = ''] = /^([^/]+)\/(\d{1,3})$/.exec(text) ?? [];
  const family = isIP(address);
  return family !== 0 && Number(length) <= (family === 4 ? 32 : 128);
}

/** The address of a client that a trusted proxy has not told: it lies in no network. */
export const unknownAddress = 'unknown';

/** The address that a hop is said to have; some proxies write its port with it. */
function addressOfHop(hop: string): string {
  const [, bracketed, dotted] = /^\[([^\]]*)\](?::\d+)?$|^([\d.]+):\d+$/.exec(hop) ?? [];
  const address = (bracketed ?? dotted ?? hop).replace(/%.*$/s, '');
  return isIP(address) === 0 ? unknownAddress : address;
}

/**
 * From where a request came. `X-Forwarded-For` counts only as far as those say it who are trusted to: each of them
 * appends whom it heard, so that the last one who is no trusted proxy is the client. What stands before that anybody
 * could have written. One who is said to have no address is not taken for the proxy that says so.
 */
export function addressOf(
  socket: string,
  forwardedFor: string | undefined,
  trustedProxies: readonly string[],
): string {
  if (trustedProxies.length === 0 || !isInNetworks(socket, trustedProxies)) return socket;
  if (forwardedFor === undefined) return socket;
  let nearest = socket;
  for (const hop of forwardedFor.split(',').toReversed()) {
    nearest = addressOfHop(hop.trim());
    if (!isInNetworks(nearest, trustedProxies)) break;
  }
  return nearest;
}

/** What stands for one who fails again and again: whoever has one address of IPv6 has its /64 (RFC 4291 §2.5.1). */
export function neighbourhoodOf(address: string): string {
  const plain = plainAddress(address);
  if (isIP(plain) !== 6) return plain;
  // As URLs write it (RFC 5952); the zeros that it leaves out are put back.
  const [before = '', after = ''] = new URL(`http://[${plain}]`).hostname.slice(1, -1).split('::');
  const head = before === '' ? [] : before.split(':');
  const tail = after === '' ? [] : after.split(':');
  const zeros = Array.from({ length: 8 - head.length - tail.length }, () => '0');
  return [...head, ...zeros, ...tail].slice(0, 4).join(':');
}

/** Whether an address lies in one of the networks, or there is none to lie in. */
export function isInNetworks(address: string, networks: readonly string[]): boolean {
  if (networks.length === 0) return true;
  const list = new BlockList();
  for (const network of networks) {
    const [net = '', length = ''] = network.split('/');
    list.addSubnet(net, Number(length), isIP(net) === 6 ? 'ipv6' : 'ipv4');
  }
  const plain = plainAddress(address);
  const family = isIP(plain);
  return family !== 0 && list.check(plain, family === 6 ? 'ipv6' : 'ipv4');
}
