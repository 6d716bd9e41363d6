// The typefaces of printed papers, from the packages that carry them.
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { create } from 'fontkit';
import { InvariantError } from '#shared/errors.ts';
import type { Typeface, TypefaceList, Typefaces } from '../pdf/fonts.ts';

/** Noto Sans JP has the characters of Japanese names, BIZ UDGothic what Europe's names need besides. */
const packages = {
  regular: [
    '@expo-google-fonts/noto-sans-jp/400Regular/NotoSansJP_400Regular.ttf',
    '@expo-google-fonts/biz-udgothic/400Regular/BIZUDGothic_400Regular.ttf',
  ],
  bold: [
    '@expo-google-fonts/noto-sans-jp/700Bold/NotoSansJP_700Bold.ttf',
    '@expo-google-fonts/biz-udgothic/700Bold/BIZUDGothic_700Bold.ttf',
  ],
} as const;

async function loadTypeface(name: string): Promise<Typeface> {
  const font = create(await readFile(fileURLToPath(import.meta.resolve(name))));
  if (!('characterSet' in font))
    throw new InvariantError('ERR_INVARIANT_STATE', `${name} is a collection, not one font`);
  return { name, font };
}

/** @throws what reading a file throws: the packages are part of an installation */
export async function loadTypefaces(): Promise<Typefaces> {
  const load = async ([first, second]: readonly [string, string]): Promise<TypefaceList> =>
    await Promise.all([loadTypeface(first), loadTypeface(second)]);
  const [regular, bold] = await Promise.all([load(packages.regular), load(packages.bold)]);
  return { regular, bold };
}
