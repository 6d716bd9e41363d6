// One document as two rows of the report's table: what decides at a glance, and the details behind it.
// Serves R-08, R-09, R-12, R-14, R-15, R-18, R-24, R-25 for each document.
import { bundledAccreditation } from '#shared/policy/bundled.ts';
import { dayElement, dayText, timeElement } from './dates.ts';
import { foreign, markup, type Html } from './html.ts';
import { isMessageKey, type MessageKey } from './messages.ts';
import type { DocumentDetail, PageView } from './page.ts';
import {
  commonName,
  distanceText,
  intakePill,
  presetTitle,
  spanFigure,
  standingPill,
} from './render-parts.ts';
import type { Accreditation, DocumentLine, SignatureLine } from './report.ts';

/** A document may carry thousands of certificates: the report lists the first of them. */
const maxCertificates = 20;

export const documentColumns = [
  ['c-doc', 'column.document'],
  ['c-format', 'column.format'],
  ['c-sign', 'column.signatures'],
  ['c-evidence', 'column.evidence'],
  ['c-until', 'column.until'],
  ['c-renew', 'column.renewal'],
  ['c-retention', 'column.retention'],
  ['c-outlook', 'column.outlook'],
] as const satisfies readonly (readonly [string, MessageKey])[];

function cell(label: string, content: Html): Html {
  return markup`<td role="cell" data-label="${label}"><div class="cell">${content}</div></td>`;
}

function nameCell(line: DocumentLine, view: PageView): Html {
  const cut = line.key.lastIndexOf('/') + 1;
  const folder = line.key.slice(0, cut);
  return markup`<th scope="row" role="rowheader"><div class="name">${foreign(line.key.slice(cut))}</div>${
    folder === '' ? undefined : markup`<div class="folder">${foreign(folder)}</div>`
  }${
    line.attachedTo === undefined
      ? undefined
      : markup`<small>↳ ${foreign(view.texts('document.attached', { key: line.attachedTo.split('/').at(-1) ?? '' }))}</small>`
  }</th>`;
}

function formatCell(line: DocumentLine, { texts }: PageView): Html {
  const key = `format.${line.format}`;
  return markup`<div>${isMessageKey(key) ? texts(key) : line.format}</div>${
    line.level === undefined
      ? undefined
      : markup`<div class="small">${texts('document.level', { level: line.level })}</div>`
  }${
    line.problems.length === 0
      ? undefined
      : markup`<div class="small">⚠ ${texts('document.problem')}</div>`
  }`;
}

function signatureCell(line: DocumentLine, { texts }: PageView): Html {
  const signers = [...new Set(line.signatures.flatMap((signature) => signature.signer ?? []))];
  return markup`<div>${intakePill(line.intake, texts)}</div>${signers
    .slice(0, 3)
    .map((signer) => markup`<div class="small">${foreign(commonName(signer))}</div>`)}${
    line.intake === 'not-valid'
      ? markup`<div class="small">${texts('intake.not-valid')}</div>`
      : undefined
  }`;
}

/** The one that counts: accredited without tolerance, then tolerated, then not shown. */
function bestAccreditation(line: DocumentLine): Accreditation | undefined {
  const all = line.evidence.map(({ accreditation }) => accreditation);
  return (
    all.find((one) => one.status === 'accredited' && !one.transitional) ??
    all.find((one) => one.status === 'accredited') ??
    all[0]
  );
}

/** When it stamped and today are two answers (R-09). */
function accreditationText(one: Accreditation | undefined, texts: PageView['texts']): string {
  if (one?.status !== 'accredited') return texts('accreditation.not-shown');
  return [
    texts('accreditation.accredited', { provider: one.provider }),
    ...(one.transitional ? [texts('accreditation.transitional')] : []),
    ...(one.today ? [] : [texts('accreditation.no-longer')]),
  ].join(' ');
}

/** The scheme, or why none is shown. */
function accreditationDetail(one: Accreditation, { texts, language }: PageView): string {
  if (one.status !== 'accredited') return texts(`accreditation.${one.reason}`);
  const scheme = bundledAccreditation.schemes.find(({ id }) => id === one.scheme);
  return `${accreditationText(one, texts)}: ${scheme?.title[language] ?? one.scheme}`;
}

function evidenceCell(line: DocumentLine, { texts, timeZone }: PageView): Html {
  const best = bestAccreditation(line);
  const count = line.evidence.reduce((sum, evidence) => sum + evidence.archiveTimeStamps, 0);
  const evidence =
    count === 1 ? texts('document.evidence.one') : texts('document.evidence', { count });
  return markup`<div>${standingPill(line.standing, texts)}</div>${
    count === 0
      ? markup`<div class="small">${texts('document.since', { day: dayText(line.stateSince, timeZone) })}</div>`
      : markup`<div class="small">${evidence}</div>${
          line.witnesses > 1
            ? markup`<div class="small">${texts('document.witnesses', { count: line.witnesses })}</div>`
            : undefined
        }<div class="small">${foreign(accreditationText(best, texts))}</div>`
  }`;
}

function untilCell(line: DocumentLine, { texts, timeZone }: PageView): Html {
  const { element, provableUntil } = line;
  if (line.evidence.length === 0 || !element) return markup`–`;
  const day =
    provableUntil === undefined
      ? markup`${texts('document.noEnd')}`
      : dayElement(provableUntil, timeZone);
  return markup`<div>${day}</div><div class="small">${texts(`element.${element.kind}`)}</div>${
    element.name === ''
      ? undefined
      : markup`<div class="small">${foreign(commonName(element.name))}</div>`
  }`;
}

function renewalCell(line: DocumentLine, { head, texts, timeZone }: PageView): Html {
  if (line.nextRenewal === undefined) return markup`–`;
  const span = distanceText(head.at, line.nextRenewal, timeZone, texts);
  return markup`<div>${dayElement(line.nextRenewal, timeZone)}</div><div class="small">${span}</div>`;
}

function retentionCell(line: DocumentLine, view: PageView): Html {
  const { texts, language } = view;
  const { retention } = line;
  const [preset] = retention.presets;
  const rule =
    preset === undefined
      ? (retention.rule ?? texts('retention.noRule'))
      : presetTitle(preset, language);
  const end =
    retention.lastDay === undefined
      ? texts('retention.unknownEnd')
      : texts('retention.end', { day: retention.lastDay });
  const source = retention.source && texts(`source.${retention.source}`);
  const marks = [source, retention.estimated ? texts('retention.estimated') : undefined].filter(
    (mark) => mark !== undefined,
  );
  return markup`<div>${end}${
    retention.hold ? markup` <strong>${texts('retention.hold')}</strong>` : undefined
  }</div><div class="small clamp" title="${rule}">${foreign(rule)}</div><div class="small">${
    retention.start === undefined
      ? texts('retention.unlimited')
      : texts('retention.start', { day: retention.start })
  }${marks.length === 0 ? undefined : markup` (${marks.join(', ')})`}</div>`;
}

function outlookCell(line: DocumentLine, { texts, head, timeZone }: PageView): Html {
  const { lastDay } = line.retention;
  const end =
    lastDay === undefined
      ? undefined
      : Temporal.PlainDate.from(lastDay)
          .add({ days: 1 })
          .toZonedDateTime(timeZone)
          .toInstant()
          .toString();
  const renewals = line.renewalsLeft ?? 0;
  return markup`<div>${texts(`outlook.${line.outlook}`)}</div>${
    line.outlook === 'by-renewal'
      ? markup`<div class="small">${renewals === 1 ? texts('outlook.renewals.one') : texts('outlook.renewals', { count: renewals })}</div>`
      : undefined
  }${spanFigure(line, head.at, end)}`;
}

type Fact = readonly [string, Html | string | undefined];

function factList(facts: readonly Fact[]): Html {
  return markup`<dl>${facts.map(([name, value]) =>
    value === undefined ? undefined : markup`<dt>${name}</dt><dd>${value}</dd>`,
  )}</dl>`;
}

function section(title: string, content: Html): Html {
  return markup`<section><h3>${title}</h3>${content}</section>`;
}

function identitySection(line: DocumentLine, { texts, timeZone }: PageView): Html {
  const since = markup`${texts(`state.${line.state}`)} · ${timeElement(line.stateSince, timeZone)}${
    line.stateReason === undefined
      ? undefined
      : markup`<br><span lang="en">${foreign(line.stateReason)}</span>`
  }`;
  return section(
    texts('details.identity'),
    factList([
      [texts('column.document'), foreign(line.key)],
      [texts('details.store'), line.store],
      [texts('details.version'), line.versionId === '' ? undefined : foreign(line.versionId)],
      [texts('details.size'), texts('details.bytes', { count: line.size })],
      [texts('details.sha256'), markup`<code>${line.sha256}</code>`],
      [texts('details.lastRead'), timeElement(line.lastRead, timeZone)],
      [texts('details.state'), since],
    ]),
  );
}

/** Who stands behind the signer, which licence is named, and for a witness who holds the key (R-01 to R-05). */
function signerParts(
  { signerClass, licences, assessment, witness }: SignatureLine,
  { texts }: PageView,
): readonly Html[] {
  // The law knows the Japanese name; the certificate has the other one.
  const named = licences.map(({ name, ja }) => (ja.startsWith(name) ? ja : `${ja} (${name})`));
  return [
    ...(signerClass === undefined
      ? []
      : [markup`<br>${texts('details.signerClass')}: ${texts(`signerClass.${signerClass}`)}`]),
    ...(named.length === 0
      ? []
      : [markup`<br>${texts('details.licences')}: ${foreign(named.join(', '))}`]),
    ...(assessment === undefined
      ? []
      : [markup`<br>${texts('details.assessment')}: ${texts(`assessment.${assessment}`)}`]),
    ...(witness
      ? [
          markup`<br>${foreign(texts('details.keyHolder', { name: witness.keyHolder }))}<br>${
            witness.evidence.length === 0
              ? texts('details.instructedBy')
              : foreign(
                  texts('details.instructedByEvidence', { keys: witness.evidence.join(', ') }),
                )
          }`,
        ]
      : []),
  ];
}

function signatureItem(signature: SignatureLine, view: PageView): Html {
  const { texts, timeZone } = view;
  const key = `signature.${signature.status}`;
  const status = isMessageKey(key) ? texts(key) : signature.status;
  return markup`<li><strong>${status}</strong>${
    signature.subIndication === undefined
      ? undefined
      : markup` <code>${signature.subIndication}</code>`
  }${
    signature.signer === undefined
      ? undefined
      : markup`<br>${texts('details.signer')}: ${foreign(signature.signer)}`
  }${
    signature.signerNotAfter === undefined
      ? undefined
      : markup`<br>${texts('details.until', { day: dayText(signature.signerNotAfter, timeZone) })}`
  }${signerParts(signature, view)}${
    signature.heldBy === undefined
      ? undefined
      : markup`<br>${foreign(texts('details.heldBy', { key: signature.heldBy }))}`
  }</li>`;
}

/** What verifies the signatures when their certificates have ended, or what of it is not to be had (R-15). */
function validationDataSection(line: DocumentLine, { texts }: PageView): Html | undefined {
  const { validationData } = line;
  if (!validationData) return undefined;
  const { status, object, missing, offences } = validationData;
  const items = missing
    .slice(0, maxCertificates)
    .map(
      ({ subject, reason }) =>
        markup`<li>${foreign(subject)}<br><small lang="en">${foreign(reason)}</small></li>`,
    );
  const more = missing.length - maxCertificates;
  return section(
    texts('details.validationData'),
    markup`<p>${texts(`validationData.${status}`)}</p>${
      items.length === 0
        ? undefined
        : markup`<ul>${items}${more > 0 ? markup`<li>${texts('details.certificates.more', { count: more })}</li>` : undefined}</ul>`
    }${
      offences.length === 0
        ? undefined
        : markup`<ul lang="en">${offences.map((offence) => markup`<li>${foreign(offence)}</li>`)}</ul>`
    }${object === undefined ? undefined : markup`<p><code>${object}</code></p>`}`,
  );
}

function timestampSection(line: DocumentLine, view: PageView): Html | undefined {
  const { texts, timeZone } = view;
  if (line.timestamps.length === 0) return undefined;
  const items = line.timestamps.map(
    (timestamp) =>
      markup`<li>${timeElement(timestamp.genTime, timeZone)}<br>${texts('details.covers')}: ${texts(`covers.${timestamp.covers}`)}${
        timestamp.tsu === undefined ? undefined : markup`<br>${foreign(commonName(timestamp.tsu))}`
      }</li>`,
  );
  return section(texts('details.timestamps'), markup`<ul>${items}</ul>`);
}

function evidenceSection(line: DocumentLine, view: PageView): Html | undefined {
  const { texts, timeZone, live } = view;
  if (line.evidence.length === 0) return undefined;
  const query = new URLSearchParams({
    store: line.store,
    key: line.key,
    version: line.versionId,
    sha256: line.sha256,
  });
  const lists = line.evidence.map((evidence) =>
    factList([
      [texts('details.batch'), markup`<code>${evidence.batchId}</code>`],
      [texts('details.tree'), evidence.digestAlgorithm],
      [texts('details.first'), timeElement(evidence.firstTime, timeZone)],
      [texts('details.newest'), timeElement(evidence.newestTime, timeZone)],
      [
        texts('details.tsa'),
        markup`${evidence.anchor}${evidence.tsu === undefined ? undefined : markup` · ${foreign(commonName(evidence.tsu))}`}`,
      ],
      [
        texts('details.horizon'),
        evidence.state === 'broken'
          ? texts('standing.broken')
          : evidence.provableUntil === undefined
            ? texts('document.noEnd')
            : timeElement(evidence.provableUntil, timeZone),
      ],
      [texts('details.covers'), texts('covers.whole')],
      [texts('details.accreditation'), foreign(accreditationDetail(evidence.accreditation, view))],
    ]),
  );
  const link = live?.evidence
    ? markup`<p class="quiet"><a href="/evidence?${query.toString()}" download>${texts('details.download')}</a></p>`
    : undefined;
  return section(texts('details.evidence'), markup`${lists}${link}`);
}

function certificateSection(detail: DocumentDetail, view: PageView): Html | undefined {
  const { texts, timeZone } = view;
  const { certificates } = detail;
  if (certificates.length === 0) return undefined;
  const items = certificates
    .slice(0, maxCertificates)
    .map(
      (certificate) =>
        markup`<li>${foreign(certificate.subject)}<br><small>${texts('details.end')} ${dayElement(certificate.notAfter.toString(), timeZone)} · ${certificate.key.kind} ${certificate.key.curve ?? certificate.key.bits} · ${certificate.roles.map((role) => texts(`role.${role}`)).join(', ')}</small></li>`,
    );
  const more = certificates.length - maxCertificates;
  return section(
    texts('details.certificates'),
    markup`<ul>${items}${more > 0 ? markup`<li>${texts('details.certificates.more', { count: more })}</li>` : undefined}</ul>`,
  );
}

function requirementSection(line: DocumentLine, { texts }: PageView): Html {
  const list = (numbers: readonly string[]): string | undefined =>
    numbers.length === 0 ? undefined : numbers.join(', ');
  return section(
    texts('details.requirements'),
    factList([
      [texts('details.answers'), list(line.requirements)],
      [texts('document.notMet'), list(line.notMet)],
      [texts('document.notShown'), list(line.notShown)],
      [
        texts('details.licenceRequired'),
        line.licence &&
          `${line.licence.required.join(', ')}: ${texts(`licence.${line.licence.standing}`)}`,
      ],
      [
        texts('details.licenceProofs'),
        line.licenceProofs.length === 0 ? undefined : foreign(line.licenceProofs.join(', ')),
      ],
    ]),
  );
}

function detailRow(detail: DocumentDetail, view: PageView): Html {
  const { line } = detail;
  const { texts } = view;
  return markup`<tr role="row" class="more"><td role="cell" colspan="${documentColumns.length}"><details><summary>${texts('document.details')}</summary><div class="facts">${identitySection(line, view)}${
    line.signatures.length === 0
      ? undefined
      : section(
          texts('details.signatures'),
          markup`<ul>${line.signatures.map((signature) => signatureItem(signature, view))}</ul>`,
        )
  }${validationDataSection(line, view)}${timestampSection(line, view)}${evidenceSection(line, view)}${certificateSection(detail, view)}${
    line.problems.length === 0
      ? undefined
      : section(
          texts('details.problems'),
          markup`<ul lang="en">${line.problems.map((problem) => markup`<li>${foreign(problem)}</li>`)}</ul>`,
        )
  }${requirementSection(line, view)}</div></details></td></tr>`;
}

/** Table head of the document list. */
export function documentTableHead({ texts }: PageView): Html {
  return markup`<table class="docs stack" role="table"><colgroup>${documentColumns.map(
    ([name]) => markup`<col class="${name}">`,
  )}</colgroup><thead role="rowgroup"><tr role="row">${documentColumns.map(
    ([, key]) => markup`<th scope="col" role="columnheader">${texts(key)}</th>`,
  )}</tr></thead>`;
}

/** A document's two rows. */
export function documentRows(detail: DocumentDetail, view: PageView): Html {
  const { line } = detail;
  const { texts } = view;
  return markup`<tbody role="rowgroup"><tr role="row">${nameCell(line, view)}${cell(texts('column.format'), formatCell(line, view))}${cell(texts('column.signatures'), signatureCell(line, view))}${cell(texts('column.evidence'), evidenceCell(line, view))}${cell(texts('column.until'), untilCell(line, view))}${cell(texts('column.renewal'), renewalCell(line, view))}${cell(texts('column.retention'), retentionCell(line, view))}${cell(texts('column.outlook'), outlookCell(line, view))}</tr>${detailRow(detail, view)}</tbody>
`;
}
