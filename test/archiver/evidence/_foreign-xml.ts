// Records in XML (RFC 6283) as other products write them: prefixes, white space, a canonicalization that sees the
// namespaces around it, and renewals hashed by libxml2's canonical forms. Shown to us and to other judges.
import { compareBytes, toBase64 } from '#shared/bytes.ts';
import { digestUri } from '#shared/crypto/digest-uri.ts';
import { digest, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import { leafDigest } from '#shared/ers/hash-tree.ts';
import type { CanonicalMethod } from '#shared/xml/canonicalize.ts';
import { canonicalizeFound } from '../../shared/xml/_libxml2.ts';
import { firstTime, type RenewalStep } from '../../shared/ers/_cases.ts';
import type { TestTsu, TokenForm } from '../../shared/ers/_tokens.ts';

/** How a product writes. */
export type XmlStyle = {
  /** With its colon; empty: the default namespace. */
  readonly prefix: string;
  /** Between elements inside of an archive timestamp. */
  readonly space: string;
  /** What chains name; without one Canonical XML 1.0 counts. */
  readonly method?: { readonly uri: string; readonly edition: CanonicalMethod['edition'] };
  readonly form: TokenForm;
};

type Stamp = { readonly lists: readonly (readonly Uint8Array[])[]; readonly token: Uint8Array };
type Chain = { readonly algorithm: DigestAlgorithm; readonly stamps: readonly Stamp[] };

function recordText(chains: readonly Chain[], { prefix: p, space, method }: XmlStyle): string {
  const xmlns = p === '' ? 'xmlns' : `xmlns:${p.slice(0, -1)}`;
  const stampText = ({ lists, token }: Stamp, index: number): string => {
    const sequences = lists.map((list, level) => {
      const values = list.map((value) => `<${p}DigestValue>${toBase64(value)}</${p}DigestValue>`);
      return `${space}<${p}Sequence Order="${level + 1}">${values.join(space)}</${p}Sequence>`;
    });
    const tree = lists.length > 0 ? `<${p}HashTree>${sequences.join('')}</${p}HashTree>` : '';
    return `<${p}ArchiveTimeStamp Order="${index + 1}">${tree}${space}<${p}TimeStamp>${space}<${p}TimeStampToken Type="RFC3161">${toBase64(token)}</${p}TimeStampToken>${space}</${p}TimeStamp></${p}ArchiveTimeStamp>`;
  };
  const chainTexts = chains.map(({ algorithm, stamps }, index) => {
    const named = method ? `<${p}CanonicalizationMethod Algorithm="${method.uri}"/>` : '';
    return `<${p}ArchiveTimeStampChain Order="${index + 1}"><${p}DigestMethod Algorithm="${digestUri(algorithm)}"/>${named}${stamps.map(stampText).join(space)}</${p}ArchiveTimeStampChain>`;
  });
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${p}EvidenceRecord ${xmlns}="urn:ietf:params:xml:ns:ers" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" Version="1.0"><${p}ArchiveTimeStampSequence>${chainTexts.join('')}</${p}ArchiveTimeStampSequence></${p}EvidenceRecord>\n`;
}

/** A record over these documents after these renewals, each a year after the one before. */
export function makeForeignXml(
  tsu: TestTsu,
  documents: readonly Uint8Array[],
  steps: readonly RenewalStep[],
  style: XmlStyle,
): Uint8Array {
  const canonical = (chains: readonly Chain[], xpath: string): Uint8Array =>
    canonicalizeFound(recordText(chains, style), xpath, {
      edition: style.method?.edition ?? '1.0',
      comments: false,
    });
  let genTime = firstTime;
  const stampOver = (algorithm: DigestAlgorithm, list: readonly Uint8Array[]): Stamp => {
    const values = [...list].sort(compareBytes);
    const neighbour = digest(algorithm, Buffer.from(`a neighbour of ${genTime.toString()}`));
    const imprint = digest(
      algorithm,
      ...[leafDigest(algorithm, values), neighbour].sort(compareBytes),
    );
    const token = tsu.stamp({ algorithm, imprint, genTime, form: style.form });
    genTime = genTime.add({ hours: 24 * 365 });
    return { lists: [values, [neighbour]], token };
  };
  const digestsOf = (algorithm: DigestAlgorithm): readonly Uint8Array[] =>
    documents.map((octets) => digest(algorithm, octets));
  let chains: readonly Chain[] = [
    { algorithm: 'SHA-256', stamps: [stampOver('SHA-256', digestsOf('SHA-256'))] },
  ];
  for (const step of steps) {
    const last = chains.at(-1);
    if (!last) throw new Error('no chain');
    const { algorithm, stamps } = last;
    if (step === 'timestamp') {
      const newest = canonical(chains, "(//*[local-name()='TimeStamp'])[last()]");
      const renewal = stampOver(algorithm, [digest(algorithm, newest)]);
      chains = [...chains.slice(0, -1), { algorithm, stamps: [...stamps, renewal] }];
      continue;
    }
    const older = canonical(chains, "//*[local-name()='ArchiveTimeStampSequence']");
    const next = algorithm === 'SHA-256' ? 'SHA-384' : 'SHA-512';
    const list = [...digestsOf(next), digest(next, older)];
    chains = [...chains, { algorithm: next, stamps: [stampOver(next, list)] }];
  }
  return new TextEncoder().encode(recordText(chains, style));
}

const exclusive = { uri: 'http://www.w3.org/2001/10/xml-exc-c14n#', edition: 'exclusive' } as const;
const inclusive = {
  uri: 'http://www.w3.org/TR/2001/REC-xml-c14n-20010315',
  edition: '1.0',
} as const;

export const xmlStyles: Readonly<Record<string, XmlStyle>> = {
  plain: { prefix: '', space: '', method: exclusive, form: 'der' },
  prefixed: { prefix: 'er:', space: '\n  ', method: inclusive, form: 'der' },
  ber: { prefix: 'er:', space: ' ', method: inclusive, form: 'ber' },
  unnamed: { prefix: 'e:', space: '\n', form: 'der' },
};
