// Healthcare and public personal PKIs as throw-away ones: the real object identifiers and structures (ISO
// 17090-2, HPKI and JPKI certificate policies), keys of this process.
import {
  derContext,
  derObjectIdentifier,
  derSequence,
  derSetOf,
  derUtf8String,
} from '#shared/der/writer.ts';
import { oids } from '#shared/oid.ts';
import {
  type CertificateSpec,
  type Issued,
  issueCa,
  issueRoot,
  issueSigner,
} from './_authority.ts';
import { certificatePolicies, extension } from './_extensions.ts';

export type RoleSpec = {
  readonly name: string;
  readonly codingScheme?: string;
  /** Context tags around the fields, as the module says, or in place of them. */
  readonly tagging?: 'explicit' | 'implicit';
};

function implicit(tag: number, element: Uint8Array, constructed: boolean): Uint8Array {
  const copy = Uint8Array.from(element);
  copy[0] = 0x80 | tag | (constructed ? 0x20 : 0);
  return copy;
}

function hcActor({
  name,
  codingScheme = oids.idJhpkiCdata,
  tagging = 'explicit',
}: RoleSpec): Uint8Array {
  const scheme = derObjectIdentifier(codingScheme);
  if (tagging === 'implicit')
    return derSequence(
      implicit(
        0,
        derSetOf(implicit(0, scheme, false), implicit(2, derUtf8String(name), false)),
        true,
      ),
    );
  return derSequence(
    derContext(0, derSetOf(derContext(0, scheme), derContext(2, derUtf8String(name)))),
  );
}

/** subjectDirectoryAttributes with hcRole, or whatever else stands in for its type and values. */
export function hcRole(
  roles: readonly (string | RoleSpec)[],
  spec: { readonly type?: string; readonly values?: Uint8Array } = {},
): Uint8Array {
  const actors = roles.map((role) => hcActor(typeof role === 'string' ? { name: role } : role));
  return extension(
    oids.subjectDirectoryAttributes,
    derSequence(
      derSequence(
        derObjectIdentifier(spec.type ?? oids.idHcpkiAtHealthcareactor),
        spec.values ?? derSetOf(derSetOf(...actors)),
      ),
    ),
  );
}

/** An HPKI: root, the signing authority of one operator, and that of its tests. */
export function createHpki() {
  const root = issueRoot({ subject: 'CN=HPKI Root,O=Ministry,C=JP' });
  const authority = (name: string, ...policies: readonly string[]): Issued =>
    issueCa(root, {
      subject: `CN=${name},O=Operator,C=JP`,
      extraExtensions: [certificatePolicies(policies)],
    });
  const ca = authority('HPKI Signing CA', oids.hpkiCPSignature);
  const testCa = authority('HPKI Test CA', oids.hpkiCPSignatureTest);
  const authenticationCa = authority('HPKI Authentication CA', oids.hpkiCPAuthentication);
  const anyCa = authority('HPKI Open CA', oids.anyPolicy);
  return { root, ca, testCa, authenticationCa, anyCa };
}

export type HpkiSignerSpec = Omit<CertificateSpec, 'subject' | 'issuer'> & {
  readonly policy?: string;
  readonly roles?: readonly (string | RoleSpec)[];
};

/** A professional's certificate; without `roles` it has no hcRole. */
export function issueProfessional(issuer: Issued, spec: HpkiSignerSpec = {}): Issued {
  const { policy = oids.hpkiCPSignature, roles, ...rest } = spec;
  return issueSigner(issuer, {
    subject: 'CN=Mihon Taro,C=JP',
    ...rest,
    extraExtensions: [
      certificatePolicies([policy]),
      ...(roles ? [hcRole(roles)] : []),
      ...(rest.extraExtensions ?? []),
    ],
  });
}

/** The public personal authority, which is its own anchor, and a holder's signing certificate. */
export function createJpki() {
  const ca = issueRoot({ subject: 'OU=JPKI for digital signature,O=JPKI,C=JP' });
  return {
    ca,
    issueHolder: (policy: string = oids.jpkiCPSignatureCard): Issued =>
      issueSigner(ca, {
        subject: 'CN=20260101123456789012345678,C=JP',
        extraExtensions: [
          certificatePolicies([policy]),
          // The holder's name stands in an alternative name of its own type, not in the subject.
          extension(
            oids.subjectAltName,
            derSequence(
              derContext(
                0,
                derObjectIdentifier(oids.jpkiPdCommonName),
                derContext(0, derUtf8String('見本 太郎')),
              ),
            ),
          ),
        ],
      }),
  };
}
