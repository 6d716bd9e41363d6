// May this address be asked? Pure: text and IP addresses in, an answer out; no look-up, no socket.
// Addresses found in certificates (CRL, OCSP, AIA) are chosen by whoever made the certificate, who
// could aim them at machines inside. Special-purpose ranges: RFC 6890 and the IANA registries.
import { BlockList, isIP, isIPv6 } from 'node:net';

/** Which addresses are allowed: `any` for what an operator configured, `public` for found ones. */
export type AddressRule = 'any' | 'public';

export type UrlCheck =
  | { readonly kind: 'allowed'; readonly url: URL }
  | { readonly kind: 'refused'; readonly reason: string };

const maxUrlLength = 2048;
const maxLabelLength = 63;
const maxHostLength = 253;

/** Ports where web servers are expected; others speak to services that were not meant. */
const webPorts = new Set(['', '80', '443', '8080', '8443']);

const privateRanges = blockList([
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  // The metadata service of most clouds is 169.254.169.254.
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
  // Azure's host service has a public address but answers only from inside.
  ['168.63.129.16', 32],
]);

/** Only 2000::/3 is handed out for global unicast; these parts of it are not. */
const globalUnicast = blockList([['2000::', 3]]);
const notGlobal = blockList([
  ['2001::', 23],
  ['2001:db8::', 32],
  // 6to4 carries any IPv4 address inside.
  ['2002::', 16],
  ['3fff::', 20],
]);
const mapped = blockList([['::ffff:0:0', 96]]);
const nat64 = blockList([['64:ff9b::', 96]]);

function blockList(ranges: readonly (readonly [string, number])[]): BlockList {
  const list = new BlockList();
  for (const [net, prefix] of ranges) list.addSubnet(net, prefix, isIPv6(net) ? 'ipv6' : 'ipv4');
  return list;
}

/** Whether an IP address (no brackets) belongs to the public internet. Anything else: `false`. */
export function isPublicAddress(address: string): boolean {
  switch (isIP(address)) {
    case 4:
      return !privateRanges.check(address, 'ipv4');
    case 6: {
      // A zone (`%eth0`) exists on local links only.
      if (address.includes('%')) return false;
      const embedded = embeddedIPv4(address);
      if (embedded !== undefined) return isPublicAddress(embedded);
      return globalUnicast.check(address, 'ipv6') && !notGlobal.check(address, 'ipv6');
    }
    default:
      return false;
  }
}

/** The IPv4 address inside of a mapped or NAT64 address (RFC 4291 §2.5.5.2, RFC 6052 §2.1). */
function embeddedIPv4(address: string): string | undefined {
  if (!mapped.check(address, 'ipv6') && !nat64.check(address, 'ipv6')) return undefined;
  // URL writes every IPv6 address in one shape, its last 32 bits as two groups.
  const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const groups = canonical.split(':').slice(-2);
  const [high = 0, low = 0] = groups.map((group) => Number.parseInt(group || '0', 16));
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}

/** Host names that never leave a machine or a site, and names without a dot. */
function isLocalName(host: string): boolean {
  const name = host.replace(/\.$/, '');
  return !name.includes('.') || /\.(?:localhost|local|internal|lan|home\.arpa)$/.test(name);
}

/** An address as messages show it: a password in it is nobody's business (RFC 3986 §7.5). */
export function withoutUserInfo(text: string): string {
  return text.replace(/^([^/?#]*[/\\]{2})[^/?#\\]*@/, '$1…@');
}

/**
 * Checks a URL as text before anything is resolved: http or https, no credentials, no stray
 * characters, lengths within DNS; with `public` also the port, the name and a literal address.
 * A name may still resolve to a private address: the sender checks again after look-up.
 */
export function checkUrl(text: string, rule: AddressRule): UrlCheck {
  const refused = (reason: string): UrlCheck => ({ kind: 'refused', reason });
  if (text.length > maxUrlLength) return refused(`longer than ${maxUrlLength} characters`);
  // The URL parser drops line breaks and tabs, turns `\` into `/` and takes `http:///x` for host x:
  // what is checked would not be what the certificate says.
  if (/[\u0000-\u0020\u007f\\]/.test(text)) return refused('white space, control character or \\');
  if (!/^https?:\/\/[^/?#]/i.test(text)) return refused('not http:// or https:// with a host');
  const url = URL.parse(text);
  if (url === null) return refused('not a URL');
  if (url.username !== '' || url.password !== '') return refused('credentials in the address');
  if (url.port === '0') return refused('port 0');
  const host = url.hostname;
  const literal = host.startsWith('[') ? host.slice(1, -1) : host;
  if (isIP(literal) === 0) {
    const name = host.replace(/\.$/, '');
    if (name.length > maxHostLength) return refused('host name too long');
    if (name.split('.').some((label) => label === '' || label.length > maxLabelLength))
      return refused('empty or over-long label in the host name');
  }
  if (rule === 'public') {
    if (!webPorts.has(url.port)) return refused(`port ${url.port} is not one of a web server`);
    if (isIP(literal) === 0 ? isLocalName(host) : !isPublicAddress(literal))
      return refused(`${host} is not a public address`);
  }
  return { kind: 'allowed', url };
}
