// The way to each TSA, and what tokens and signatures are verified with: anchors, CRLs, accreditation, trusted lists.
import { createStages, type ExaminedStage } from '#shared/examination.ts';
import { openHttpSender } from '#shared/io/http-sender.ts';
import { reachHost } from '#shared/io/reach.ts';
import { fetchCrl, isUrl, loadCertificates, loadStatusFiles } from '#shared/io/trust-files.ts';
import { earlier, isBefore } from '#shared/time.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import type { CertificateList } from '#shared/x509/crl.ts';
import { openHttpTimestampSource } from '../adapters/http-timestamp-source.ts';
import { loadTrustedLists } from '../adapters/trusted-list-files.ts';
import type { ArchiverConfig } from '../config.ts';
import { type ArchiveExamination, connectMs, parties } from './stages.ts';

/** When an anchor is trusted no longer. */
function endOf({ fingerprint, notAfter }: Certificate, { anchorEnds }: ArchiverConfig) {
  const configured = anchorEnds.get(fingerprint);
  return configured ? earlier(configured, notAfter) : notAfter;
}

/** @throws Error: every anchor ends within the lead time */
function anchorsLast(
  anchors: readonly Certificate[],
  { config, clock }: ArchiveExamination,
): string {
  const leadDays = config.leadTime.days;
  const due = clock.now().add({ hours: 24 * leadDays });
  const ends = anchors.map((anchor) => ({ anchor, end: endOf(anchor, config) }));
  const text = ends
    .map(({ anchor, end }) => `${anchor.subject.text} until ${end.toString()}`)
    .join('; ');
  if (ends.every(({ end }) => isBefore(end, due)))
    throw new Error(`nothing lasts for the lead time of ${leadDays} days: ${text}`);
  return text;
}

/** @throws Error, SourceError, ConfigError: one cannot be had, or is out of date */
async function crlsAreFresh(
  sources: readonly string[],
  { clock, signal }: ArchiveExamination,
): Promise<string> {
  await using sender = openHttpSender();
  const lists: CertificateList[] = [];
  for (const source of sources)
    lists.push(
      ...(isUrl(source)
        ? [await fetchCrl(source, { sender, signal })]
        : (await loadStatusFiles([source])).crls),
    );
  const stale = lists.find(({ nextUpdate }) => nextUpdate && isBefore(nextUpdate, clock.now()));
  if (stale)
    throw new Error(
      `the CRL of ${stale.issuer.text} was to be replaced on ${stale.nextUpdate?.toString() ?? ''}`,
    );
  return lists.length === 1 ? 'one CRL' : `${lists.length} CRLs`;
}

/** Whether an accreditation that was confirmed for these anchors once lasts today. */
function accreditedToday(
  anchors: readonly Certificate[],
  { config, clock }: ArchiveExamination,
): { readonly lasts: boolean; readonly text: string } | undefined {
  const ours = config.accreditation.entries.filter(({ anchors: named }) =>
    anchors.some(({ fingerprint }) => named.includes(fingerprint)),
  );
  if (ours.length === 0) return undefined;
  const now = clock.now();
  const lasting = ours.filter(
    ({ from, until }) => !isBefore(now, from) && (until === undefined || isBefore(now, until)),
  );
  const texts = (lasting.length > 0 ? lasting : ours).map(
    ({ name, scheme, until }) =>
      `${name} under ${scheme} until ${until?.toString() ?? 'further notice'}`,
  );
  return { lasts: lasting.length > 0, text: texts.join('; ') };
}

export async function examineTsa(
  subject: 'tsa' | 'secondTsa',
  options: ArchiveExamination,
): Promise<readonly ExaminedStage[]> {
  const { config, clock, signal } = options;
  const settings = config[subject];
  if (!settings) return [];
  const { stage, run } = createStages(subject, parties);
  return run(async () => {
    let anchors: readonly Certificate[] = [];
    await stage('anchors', async () => {
      anchors = await loadCertificates(settings.anchors);
      return anchorsLast(anchors, options);
    });
    const accredited = accreditedToday(anchors, options);
    if (accredited)
      await stage('accreditation', () =>
        accredited.lasts
          ? Promise.resolve(accredited.text)
          : Promise.reject(new Error(`not accredited today: ${accredited.text}`)),
      );
    if (settings.crls.length > 0 && settings.revocation !== 'none')
      await stage('revocation', () => crlsAreFresh(settings.crls, options));
    await reachHost(settings.url, { stage, connectMs, tls: () => Promise.resolve({}) });
    let theirs: Temporal.Instant | undefined;
    await stage('HTTP', async () => {
      await using source = await openHttpTimestampSource(settings, clock);
      theirs = await source.clock(signal);
      return 'it answers';
    });
    await stage('clock', () => {
      if (!theirs) return Promise.resolve('it does not say what time it has');
      const apart = Math.round(Math.abs(theirs.since(clock.now()).total('seconds')));
      const text = `${apart} s from ours`;
      return apart > settings.clockToleranceSeconds
        ? Promise.reject(new Error(`${text}; ${settings.clockToleranceSeconds} s are allowed`))
        : Promise.resolve(text);
    });
  });
}

export async function examineSigners(
  options: ArchiveExamination,
): Promise<readonly ExaminedStage[]> {
  const { config, clock } = options;
  const { stage, run } = createStages('signers', parties);
  const files = [...Object.values(config.signers.anchors).flat(), ...config.signers.tsuAnchors];
  return run(async () => {
    if (files.length > 0)
      await stage('anchors', async () => {
        const found = await loadCertificates(files);
        const ended = found.filter((one) => isBefore(endOf(one, config), clock.now()));
        // Old signatures need old anchors: that some have ended is no fault.
        return `${found.length} read, ${ended.length} of them ended`;
      });
    const { crls } = config.signers;
    if (crls.length > 0) await stage('revocation', () => crlsAreFresh(crls, options));
    if (config.trustedLists.length > 0)
      await stage('trusted lists', async () => {
        const lists = (await Promise.all(config.trustedLists.map(loadTrustedLists))).flat();
        const stale = lists.find(
          ({ list: { nextUpdate } }) => nextUpdate && isBefore(nextUpdate, clock.now()),
        );
        if (stale) throw new Error(`${stale.name} is past its next update`);
        return `${lists.length} verified`;
      });
  });
}
