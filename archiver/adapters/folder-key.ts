// Keys of a folder store and the names they stand for. Pure. A file's key is its relative path as it
// stands; a name that is not valid UTF-8 gets an escaped key that leads back to the same octets.
import { isUtf8 } from 'node:buffer';
import { FormatError } from '#shared/errors.ts';

/** Holds locks and unfinished writes, at the top of the folder; never listed, never a key. */
export const privateFolder = '.tokiwa-store';

/** Marks the key of a name that is not UTF-8, and of names that look as if they were so marked. */
const escapeMark = '%not-utf8:';

const maxNameBytes = 255;
const maxKeyBytes = 1024;

const slash = Buffer.from('/');

function refuse(key: string, why: string): never {
  throw new FormatError(
    'ERR_FORMAT_KEY',
    `the key ${JSON.stringify(key.slice(0, 200))} cannot name a file: ${why}`,
  );
}

/** The key component of a file name's octets. Different names give different components. */
export function componentOfName(name: Buffer): string {
  if (isUtf8(name)) {
    const text = name.toString('utf8');
    if (!text.startsWith(escapeMark)) return text;
  }
  let escaped = escapeMark;
  for (const octet of name) {
    const plain = octet > 0x20 && octet < 0x7f && octet !== 0x25;
    escaped += plain
      ? String.fromCharCode(octet)
      : `%${octet.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return escaped;
}

function nameOfComponent(component: string): Buffer {
  if (!component.startsWith(escapeMark)) return Buffer.from(component, 'utf8');
  const octets = component
    .slice(escapeMark.length)
    .replace(/%([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(octets, 'latin1');
}

/**
 * The file names along a key, outermost first. Every key that a listing gives is accepted; no key
 * leads out of the folder.
 * @throws FormatError ERR_FORMAT_KEY
 */
export function namesOfKey(key: string): readonly Buffer[] {
  if (key === '') refuse(key, 'it is empty');
  if (!key.isWellFormed()) refuse(key, 'it is not Unicode');
  const names = key.split('/').map((component): Buffer => {
    if (component === '') refuse(key, 'it starts or ends with a slash, or has two in a row');
    if (component === '.' || component === '..') refuse(key, 'it has a part "." or ".."');
    const name = nameOfComponent(component);
    if (name.includes(0)) refuse(key, 'it has a NUL character');
    if (name.length > maxNameBytes) refuse(key, `a part is longer than ${maxNameBytes} octets`);
    // One name, one key: an escape that did not have to be would make two keys of one file, and
    // could hide a slash or "..".
    const isEscaped = component.startsWith(escapeMark);
    if (isEscaped && (componentOfName(name) !== component || name.includes(slash)))
      refuse(key, 'a bad escape');
    return name;
  });
  if (names[0]?.toString('latin1') === privateFolder) refuse(key, 'the store keeps it for itself');
  return names;
}

/**
 * Whether a key that is new may be made: it must be good on every system and tool that the folder
 * may be copied to. Files that a user put there are not held to this.
 * @throws FormatError ERR_FORMAT_KEY
 */
export function checkNewKey(key: string): void {
  if (Buffer.byteLength(key) > maxKeyBytes) refuse(key, `it is longer than ${maxKeyBytes} octets`);
  if (/[\u0000-\u001f\u007f]/.test(key)) refuse(key, 'it has control characters');
  for (const component of key.split('/')) {
    if (component.startsWith(escapeMark)) refuse(key, `${escapeMark} is for names not in UTF-8`);
    if (/^ |[ .]$/.test(component))
      refuse(key, 'a part starts with a space, or ends with a space or dot');
    if (/[\\:*?"<>|]/.test(component)) refuse(key, 'it has one of \\ : * ? " < > |');
  }
}

/** The path below `root` to these names. */
export function pathOf(root: Buffer, names: readonly Buffer[]): Buffer {
  return Buffer.concat([root, ...names.flatMap((name) => [slash, name])]);
}

/** Order of keys: by their UTF-8 octets, which JavaScript's own order is not. */
export function compareKeys(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
