// Paths and tokens on one core, beside node:crypto's verification of the signatures in them: chains of
// three with RSA-2048 keys. The aim is half of that limit.
import { createPublicKey, verify } from 'node:crypto';
import { verifyCertificatePath } from '#shared/trust/verify-path.ts';
import { parseCertificate, type Certificate } from '#shared/x509/certificate.ts';
import { parseTimeStampToken } from '#shared/tsp/token.ts';
import { verifyToken } from '#shared/tsp/verify-token.ts';
import { issueCrl, issueCa, issueRoot, issueTsu, anchorOf } from '../test/_authority.ts';
import { freshKey } from '../test/_keys.ts';
import { issueToken, testGenTime, tokenSignerOf } from '../test/_tsu.ts';
import { print, printFact, ratesOf } from './measure.ts';

const rsa = () => ({ key: freshKey('RSA-2048') });
const root = issueRoot(rsa());
const ca = issueCa(root, rsa());
const tsu = issueTsu(ca, rsa());
const anchors = [anchorOf(root)];
const crls = [root, ca].map((issuer) => issueCrl({ issuer, thisUpdate: testGenTime }));
const at = testGenTime.add({ hours: 1 });

const publicKey = createPublicKey({
  key: Buffer.from(ca.certificate.publicKey),
  format: 'der',
  type: 'spki',
});
/** The limit: one signature of such a chain, with nothing around it. */
function verifyAlone(): undefined {
  const { tbs, signature } = tsu.certificate;
  if (!verify('sha256', tbs, publicKey, signature)) throw new Error('a good signature is refused');
}

/** `work` verifies `signatures` signatures a call. */
function measure(name: string, unit: string, signatures: number, work: () => string): void {
  const [perSecond, alone] = ratesOf(() => {
    const status = work();
    if (status !== 'valid') throw new Error(`${name}: ${status}`);
    return undefined;
  }, verifyAlone);
  print({ name, perSecond, unit, limits: [] });
  print({
    name: `  signatures (${signatures} each)`,
    perSecond: perSecond * signatures,
    unit: 'signatures',
    limits: [{ name: 'node:crypto, RSA-2048 verify', perSecond: alone }],
  });
}

const path = (target: Certificate, intermediate: Certificate, mode: 'none' | 'require'): string =>
  verifyCertificatePath({
    target,
    intermediates: [intermediate],
    anchors,
    crls: mode === 'none' ? [] : crls,
    ocspResponses: [],
    at,
    purpose: 'tsu',
    revocationMode: mode,
  }).status;

measure('paths of three, parsed before', 'paths', 2, () =>
  path(tsu.certificate, ca.certificate, 'none'),
);
measure('paths of three with both CRLs', 'paths', 4, () =>
  path(tsu.certificate, ca.certificate, 'require'),
);
measure('paths of three, parsed each time', 'paths', 2, () =>
  path(parseCertificate(tsu.certificate.raw), parseCertificate(ca.certificate.raw), 'none'),
);

const octets = issueToken({ root, ca, tsu, anchors, signer: tokenSignerOf(tsu, [ca.certificate]) });
measure('tokens with path, parsed each time', 'tokens', 3, () => {
  const token = parseTimeStampToken(octets);
  return verifyToken(token, { anchors, at, revocationMode: 'none' }).status;
});
measure('tokens with path and both CRLs, parsed each time', 'tokens', 5, () => {
  const token = parseTimeStampToken(octets);
  return verifyToken(token, { anchors, crls, at, revocationMode: 'require' }).status;
});
printFact('token', `${octets.length} octets`);
