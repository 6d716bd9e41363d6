// Document signers in the configuration: anchors by class, their policies, assessments of providers.
import type { ConfigProblem } from '#shared/errors.ts';
import { isKnownLicence } from '#shared/policy/licences.ts';
import type { AnchorClass } from '#shared/trust/anchors.ts';
import type { YamlConfig } from '#shared/yaml-config.ts';
import type { ArchiverSettings } from './config-schema.ts';
import type { ProviderAssessment } from './signers.ts';

export type SignerSources = {
  /** Files and folders of anchors. */
  readonly anchors: Readonly<Record<AnchorClass, readonly string[]>>;
  /** By fingerprint of an anchor: certificate policies, one of which its signers have to assert. */
  readonly policies: ReadonlyMap<string, readonly string[]>;
  readonly testCertificates: boolean;
  readonly crls: readonly string[];
  readonly tsuAnchors: readonly string[];
};

/** `absolute` completes file names, `located` those that may be URLs. */
export function resolveSigners(
  { signers }: ArchiverSettings,
  files: {
    readonly absolute: (file: string) => string;
    readonly located: (source: string) => string;
  },
): SignerSources {
  const { absolute, located } = files;
  const { classes } = signers;
  return {
    anchors: {
      hpki: classes.hpki.map(absolute),
      accredited: classes.accredited.map(absolute),
      jpki: classes.jpki.map(absolute),
      'witness-provider': classes['witness-provider'].map(absolute),
      other: signers.anchors.map(absolute),
    },
    policies: new Map(signers.policies.map(({ anchor, policies }) => [anchor, policies])),
    testCertificates: signers.testCertificates,
    crls: signers.crls.map(located),
    tsuAnchors: signers.tsuAnchors.map(absolute),
  };
}

/** A day ends in the configured time zone. */
export function resolveAssessments(
  { signers, timeZone }: ArchiverSettings,
  at: YamlConfig<unknown>,
  problems: ConfigProblem[],
): readonly ProviderAssessment[] {
  return signers.assessments.map(({ validUntil, ...assessment }, index) => {
    const day = Temporal.PlainDate.from(validUntil);
    if (validUntil < assessment.date)
      problems.push(
        at.problem(
          ['signers', 'assessments', index, 'validUntil'],
          'the assessment lapses before it was made',
        ),
      );
    return { ...assessment, until: day.add({ days: 1 }).toZonedDateTime(timeZone).toInstant() };
  });
}

/** The licences that retention rules demand have to be ones that a certificate can name. */
export function checkLicences(
  { retention }: ArchiverSettings,
  at: YamlConfig<unknown>,
  problems: ConfigProblem[],
): void {
  for (const [index, { requires }] of retention.rules.entries())
    for (const name of requires)
      if (!isKnownLicence(name))
        problems.push(
          at.problem(
            ['retention', 'rules', index, 'requires'],
            `no licence ${JSON.stringify(name)}: write it as HPKI certificates or the law do, such as "Medical Doctor" or 医師`,
          ),
        );
}
