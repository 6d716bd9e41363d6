// Which addresses may be asked: each row is refused, or allowed, for one reason.
import test from 'ava';
import fc from 'fast-check';
import { checkUrl, isPublicAddress } from '#shared/io/address-check.ts';

const refusedAlways = [
  ['a local file', 'file:///a/b'],
  ['gopher', 'gopher://example.org/x'],
  ['ftp', 'ftp://example.org/x'],
  ['LDAP', 'ldap://example.org/cn=x'],
  ['data', 'data:text/plain,x'],
  ['script', 'javascript:alert(1)'],
  ['empty', ''],
  ['no scheme', '//example.org/x'],
  ['a relative path', '/x'],
  ['no host', 'http:///x'],
  ['nothing after the scheme', 'http://'],
  ['one slash', 'http:/example.org'],
  ['a backslash', 'http:\\\\example.org/'],
  ['a user', 'http://user@example.org/'],
  ['a user and a password', 'http://user:pass@example.org/'],
  ['a host behind a user', 'http://example.org@198.51.100.1/'],
  ['port 0', 'http://example.org:0/'],
  ['a port out of range', 'http://example.org:65536/'],
  ['a blank in the host', 'http://exa mple.org/'],
  ['a blank at the end', 'http://example.org/ '],
  ['a line break', 'http://example.org/\r\nHost: other'],
  ['a tab that parsers drop', 'http://exam\tple.org/'],
  ['NUL', 'http://example.org/\0'],
  ['DEL', 'http://example.org/\u007f'],
  ['a long label', `http://${'a'.repeat(64)}.example/`],
  ['an empty label', 'http://a..example/'],
  ['a long name', `http://${'a.'.repeat(127)}example/`],
  ['too long', `http://example.org/${'a'.repeat(2048)}`],
  ['a zone', 'http://[fe80::1%25eth0]/'],
  ['half an address', 'http://[::1/'],
] as const;
for (const [title, url] of refusedAlways)
  test(`refused under both rules: ${title}`, (t) => {
    t.is(checkUrl(url, 'public').kind, 'refused');
    t.is(checkUrl(url, 'any').kind, 'refused');
  });

const privateOnly = [
  ['loopback', 'http://127.0.0.1/'],
  ['loopback elsewhere', 'http://127.9.9.9/'],
  ['loopback as a number', 'http://2130706433/'],
  ['loopback in hexadecimal', 'http://0x7f.1/'],
  ['loopback in octal', 'http://0177.0.0.1/'],
  ['loopback in circled digits', 'http://①②⑦.⓪.⓪.①/'],
  ['loopback with ideographic stops', 'http://127。0。0。1/'],
  ['the unspecified address', 'http://0.0.0.0/'],
  ['private 10', 'http://10.0.0.1/'],
  ['private 172.16', 'http://172.31.255.255/'],
  ['private 192.168', 'http://192.168.1.1/'],
  ['carrier net', 'http://100.127.0.1/'],
  ['link local', 'http://169.254.1.1/'],
  ['metadata', 'http://169.254.169.254/latest/'],
  ['host service of a cloud', 'http://168.63.129.16/'],
  ['benchmarking', 'http://198.19.0.1/'],
  ['documentation', 'http://203.0.113.1/'],
  ['multicast', 'http://224.0.0.1/'],
  ['broadcast', 'http://255.255.255.255/'],
  ['IPv6 loopback', 'http://[::1]/'],
  ['IPv6 unspecified', 'http://[::]/'],
  ['mapped loopback', 'http://[::ffff:127.0.0.1]/'],
  ['mapped loopback in hexadecimal', 'http://[::ffff:7f00:1]/'],
  ['NAT64 of a private address', 'http://[64:ff9b::a00:1]/'],
  ['6to4', 'http://[2002:7f00:1::]/'],
  ['Teredo', 'http://[2001::1]/'],
  ['unique local', 'http://[fd00:ec2::254]/'],
  ['IPv6 link local', 'http://[fe80::1]/'],
  ['IPv6 multicast', 'http://[ff02::1]/'],
  ['IPv6 documentation', 'http://[2001:db8::1]/'],
  ['localhost', 'http://localhost/'],
  ['localhost with a dot', 'http://localhost./'],
  ['below localhost', 'http://a.localhost/'],
  ['a name without a dot', 'http://intranet/'],
  ['internal names', 'http://metadata.google.internal/'],
  ['mDNS names', 'http://printer.local/'],
  ['a port of another service', 'http://example.org:22/'],
  ['a database port', 'http://example.org:6379/'],
] as const;
for (const [title, url] of privateOnly)
  test(`refused as not public only: ${title}`, (t) => {
    t.is(checkUrl(url, 'public').kind, 'refused');
    t.is(checkUrl(url, 'any').kind, 'allowed');
  });

const allowed = [
  'http://crl.example.org/root.crl',
  'http://crl.example.org:80/root.crl',
  'https://crl.example.org:8443/root.crl',
  'http://crl.example.org./root.crl',
  'http://crl.example.org/a%20b.crl?x=1#y',
  'http://日本語.example/crl',
  'HTTP://CRL.EXAMPLE.ORG/ROOT.CRL',
  'http://ocsp.example.org',
  'http://8.8.8.8/',
  'http://[2606:4700::1111]/',
  'http://[::ffff:8.8.8.8]/',
  'http://[64:ff9b::808:808]/',
  `http://${'a'.repeat(63)}.example/`,
];
for (const url of allowed)
  test(`allowed: ${url.slice(0, 60)}`, (t) => {
    t.is(checkUrl(url, 'public').kind, 'allowed');
  });

test('what is not an address is not public', (t) => {
  for (const text of ['', 'example.org', '1.2.3', '8.8.8.8 ', '[2606:4700::1111]'])
    t.false(isPublicAddress(text), text);
});

test('any text is answered, and what is allowed parses to http or https', (t) => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.webUrl()), (text) => {
      const check = checkUrl(text, 'public');
      if (check.kind === 'allowed') t.regex(check.url.protocol, /^https?:$/);
      else t.true(check.reason.length > 0);
    }),
  );
});
