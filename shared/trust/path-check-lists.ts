// All the lists of checks that a path goes through, in one value: a test leaves each entry out in turn to
// show that something notices.
import { anchorChecks } from './anchor-checks.ts';
import type { AnchorCheck } from './anchor-checks.ts';
import { certificateProfile } from './certificate-profile.ts';
import type { ProfileRule } from './certificate-profile.ts';
import { crlChecks } from './crl-checks.ts';
import type { CrlCheck } from './crl-checks.ts';
import { ocspChecks } from './ocsp-checks.ts';
import type { OcspCheck } from './ocsp-checks.ts';
import { pathChecks } from './path-checks.ts';
import type { PathCheck } from './path-checks.ts';

export type PathCheckLists = {
  readonly anchor: readonly AnchorCheck[];
  readonly profile: readonly ProfileRule[];
  readonly path: readonly PathCheck[];
  readonly crl: readonly CrlCheck[];
  readonly ocsp: readonly OcspCheck[];
};

export const allPathChecks: PathCheckLists = {
  anchor: anchorChecks,
  profile: certificateProfile,
  path: pathChecks,
  crl: crlChecks,
  ocsp: ocspChecks,
};
