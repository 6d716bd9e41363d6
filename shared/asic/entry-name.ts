// Names of archive entries: decoded, and refused where they are no plain relative names. They are
// labels here and never become paths. APPNOTE §4.4.17, Appendix D.
import { FormatError } from '#shared/errors.ts';
import type { Problem } from '#shared/problem.ts';

const maxNameOctets = 4096;
const maxSegments = 64;

function badName(why: string, offset: number): FormatError {
  return new FormatError('ERR_FORMAT_ZIP', `entry name ${why} at octet ${offset}`, {
    offset,
    clause: 'APPNOTE §4.4.17',
  });
}

function decode(octets: Uint8Array, label: string): string | undefined {
  try {
    return new TextDecoder(label, { fatal: true, ignoreBOM: true }).decode(octets);
  } catch {
    // Fatal decoding throws for octets of another encoding, which is what is asked here.
    return undefined;
  }
}

/**
 * The name: UTF-8 where the flag says so or the octets are; else Shift_JIS, which Windows writes in
 * Japan and whose second octets include the backslash; else octet by octet, which keeps names distinct.
 * @throws FormatError ERR_FORMAT_ZIP: flagged as UTF-8 and is none; ERR_FORMAT_LIMIT
 */
export function decodeEntryName(octets: Uint8Array, isUtf8: boolean, offset: number): string {
  if (octets.length > maxNameOctets)
    throw new FormatError('ERR_FORMAT_LIMIT', `entry name longer than ${maxNameOctets} octets`, {
      offset,
    });
  const name = decode(octets, 'utf-8');
  if (name !== undefined) return name;
  if (isUtf8)
    throw new FormatError('ERR_FORMAT_ZIP', `entry name is not UTF-8 at octet ${offset}`, {
      offset,
      clause: 'APPNOTE Appendix D',
    });
  return decode(octets, 'shift_jis') ?? Buffer.from(octets).toString('latin1');
}

/** Refuses what could leave a folder or hide in a listing; warns of what looks like something else. */
export function checkEntryName(name: string, offset: number): Problem[] {
  if (name === '') throw badName('is empty', offset);
  if (/[\0-\x1f\x7f]/.test(name)) throw badName('holds control characters', offset);
  if (name.includes('\\')) throw badName('holds a backslash', offset);
  if (name.startsWith('/') || /^[A-Za-z]:/.test(name)) throw badName('is absolute', offset);
  const segments = (name.endsWith('/') ? name.slice(0, -1) : name).split('/');
  if (segments.length > maxSegments)
    throw new FormatError('ERR_FORMAT_LIMIT', `entry name of more than ${maxSegments} segments`, {
      offset,
    });
  if (segments.some((segment) => segment === '' || segment === '.' || segment === '..'))
    throw badName('has an empty or dotted segment', offset);
  const misleading =
    /[\p{Cf}\u{ff0e}\u{ff0f}]/u.test(name) ||
    /^[a-z][a-z0-9+.-]*:/i.test(name) ||
    /%2e|%2f/i.test(name) ||
    segments.some(
      (segment) => /[. ]$/.test(segment) || /^(?:con|nul|aux|prn|__proto__)$/i.test(segment),
    );
  return misleading
    ? [
        {
          severity: 'warning',
          code: 'zip-misleading-name',
          message: `entry name that may be taken for another: ${JSON.stringify(name).replace(/\p{Cf}/gu, (c) => `\\u{${(c.codePointAt(0) ?? 0).toString(16)}}`)}`,
          offset,
        },
      ]
    : [];
}
