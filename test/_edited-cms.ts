// A SignedData put together anew from its own octets, with any part that no signature is over replaced: what
// somebody can do who has the file and no key.
import { parseSignedData } from '#shared/cms/signed-data.ts';
import { isContext, readChildren, readTlv, readWhole } from '#shared/der/reader.ts';
import { derContext, derElement, derObjectIdentifier, derSequence } from '#shared/der/writer.ts';
import { oids } from '#shared/oid.ts';

export type SignerParts = {
  /** version to signature. */
  readonly fields: readonly Uint8Array[];
  readonly unsigned: readonly Uint8Array[];
};

export type CmsParts = {
  readonly version: Uint8Array;
  readonly digestAlgorithms: Uint8Array;
  readonly encapContentInfo: Uint8Array;
  readonly certificates: readonly Uint8Array[];
  readonly crls: readonly Uint8Array[];
  readonly signers: readonly SignerParts[];
};

export type CmsEdit = (parts: CmsParts) => Partial<CmsParts>;

/** Elements inside of an element, whole. */
export function membersOf(element: Uint8Array): readonly Uint8Array[] {
  return readChildren(readTlv(element)).map(({ raw }) => raw);
}

function partsOf(cms: Uint8Array): CmsParts {
  const { elements, signerInfos } = parseSignedData(cms);
  const { version, digestAlgorithms, encapContentInfo, certificates, crls } = elements;
  return {
    version: version.raw,
    digestAlgorithms: digestAlgorithms.raw,
    encapContentInfo: encapContentInfo.raw,
    certificates: certificates ? membersOf(certificates.raw) : [],
    crls: crls ? membersOf(crls.raw) : [],
    signers: signerInfos.map(({ raw, unsignedAttrs }) => ({
      fields: membersOf(raw).filter((field) => !isContext(readWhole(field), 1)),
      unsigned: unsignedAttrs.map((attribute) => attribute.raw),
    })),
  };
}

/** The same with other parts. */
export function edited(cms: Uint8Array, edit: CmsEdit): Uint8Array {
  const before = partsOf(cms);
  const after = { ...before, ...edit(before) };
  const field = (tag: number, members: readonly Uint8Array[]): Uint8Array[] =>
    members.length > 0 ? [derContext(tag, ...members)] : [];
  const body = derSequence(
    after.version,
    after.digestAlgorithms,
    after.encapContentInfo,
    ...field(0, after.certificates),
    ...field(1, after.crls),
    derElement(
      0x31,
      ...after.signers.map(({ fields, unsigned }) => derSequence(...fields, ...field(1, unsigned))),
    ),
  );
  return derSequence(derObjectIdentifier(oids.idSignedData), derContext(0, body));
}

/** An edit of the first signer alone. */
export function ofFirstSigner(edit: (signer: SignerParts) => Partial<SignerParts>): CmsEdit {
  return ({ signers }) => ({
    signers: signers.map((signer, index) =>
      index === 0 ? { ...signer, ...edit(signer) } : signer,
    ),
  });
}

/** An edit of the first signer's unsigned attributes. */
export function ofUnsigned(
  edit: (attributes: readonly Uint8Array[]) => readonly Uint8Array[],
): CmsEdit {
  return ofFirstSigner(({ unsigned }) => ({ unsigned: edit(unsigned) }));
}

/** The only value of an attribute. */
export function valueOf(attribute: Uint8Array | undefined): Uint8Array {
  const [, values] = attribute ? membersOf(attribute) : [];
  const [value] = values ? membersOf(values) : [];
  if (!value) throw new Error('no value');
  return value;
}
