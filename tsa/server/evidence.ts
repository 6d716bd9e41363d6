// `POST /evidence/NAME`: digests in, evidence records out (RFC 4998), at once or later (RFC 7240). Who may ask is
// settled as for timestamps; collecting and stamping are behind it.
import type { Express, NextFunction, Request, Response } from 'express';
import { toBase64 } from '#shared/bytes.ts';
import { FormatError, UnsupportedError } from '#shared/errors.ts';
import {
  maxDigestsOfGroup,
  readDigestGroups,
  type DigestGroups,
} from '#shared/intake/digest-groups.ts';
import { digestOnlyTerms } from '#shared/intake/digest-only-terms.ts';
import type { Clock } from '#shared/ports/runtime.ts';
import { admitTimeStampReq } from '#shared/tsp/check-request.ts';
import { queryMediaType } from '#shared/tsp/http-exchange.ts';
import type { Profile } from '../config/config.ts';
import type { EvidenceAnswer, EvidenceService } from '../evidence/service.ts';
import { evidenceText, plainAnswers, type PlainAnswer } from '../replies.ts';
import { createAdmit, type AdmitOptions, type LetIn } from './admit.ts';
import { mediaTypeOf, readBody, sendPlain } from './http.ts';
import { preferenceOf, type Preference } from '#shared/intake/preference.ts';

export type EvidenceEndpointOptions = AdmitOptions & {
  readonly evidence: EvidenceService;
  readonly clock: Clock;
};

const recordMediaType = 'application/octet-stream';

/** Their records are one answer of some megabytes, held in memory until it is sent. */
const maxGroupsOfRequest = 1000;

/** The digests of a request, or how it is refused. */
async function readDigests(
  request: Request,
  response: Response,
  profile: Profile,
  options: EvidenceEndpointOptions,
): Promise<DigestGroups | PlainAnswer> {
  const mediaType = mediaTypeOf(request);
  if (mediaType !== 'application/json' && mediaType !== queryMediaType)
    return plainAnswers.wrongEvidenceType();
  const { bodyLimitBytes, maxGroups } = options.settings().config.evidence;
  let octets: Uint8Array | undefined;
  try {
    octets = await readBody(request, response, bodyLimitBytes);
  } catch {
    // The client went away in the middle; whatever is said now hardly arrives.
    return plainAnswers.brokenRequest();
  }
  if (!octets) return plainAnswers.tooManyDigests(bodyLimitBytes);
  try {
    return mediaType === queryMediaType
      ? digestOfQuery(octets, profile)
      : digestsOfJson(octets, profile, Math.min(maxGroups, maxGroupsOfRequest));
  } catch (error) {
    if (error instanceof FormatError || error instanceof UnsupportedError)
      return plainAnswers.notUnderstood(error.message);
    throw error;
  }
}

/** A query stands for the digest that it is over: what asks for timestamps can ask for records. */
function digestOfQuery(octets: Uint8Array, profile: Profile): DigestGroups | PlainAnswer {
  const admission = admitTimeStampReq(octets, { digestAlgorithms: profile.hashAlgorithms });
  if (admission.kind === 'rejected')
    return plainAnswers.notUnderstood(admission.findings[0].message);
  // One token serves all that comes in, so that none of them can ask for a policy of its own.
  if (admission.request.reqPolicy !== undefined)
    return plainAnswers.notUnderstood('a policy cannot be asked for here');
  const { algorithm, hashedMessage } = admission.request.messageImprint;
  if (!algorithm) throw new TypeError('an admitted query has a known imprint algorithm');
  return { algorithm, groups: [[hashedMessage]] };
}

function digestsOfJson(
  octets: Uint8Array,
  { hashAlgorithms }: Profile,
  groups: number,
): DigestGroups | PlainAnswer {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(octets));
  } catch {
    return plainAnswers.notUnderstood('it is no JSON');
  }
  const found = readDigestGroups(value, { groups, digestsOfGroup: maxDigestsOfGroup });
  if (hashAlgorithms.includes(found.algorithm)) return found;
  return plainAnswers.notUnderstood(`this profile does not take digests of ${found.algorithm}`);
}

/** Whether the answer is to be the record itself. */
function wantsOctets(request: Request): boolean {
  const preferred = request.accepts(['application/json', recordMediaType]);
  if (request.headers.accept === undefined || request.headers.accept === '*/*')
    return mediaTypeOf(request) === queryMediaType;
  return preferred === recordMediaType;
}

function sendAnswer(
  response: Response,
  answer: EvidenceAnswer,
  octets: boolean,
  { settings, clock }: EvidenceEndpointOptions,
): void {
  const { algorithmPolicy, evidence } = settings().config;
  const { id, profile, algorithm, genTime, provider, records } = answer;
  const terms =
    algorithmPolicy &&
    digestOnlyTerms({
      algorithm,
      next: evidence.nextHashAlgorithm,
      profile: algorithmPolicy,
      leadTime: Temporal.Duration.from({ hours: 24 * evidence.leadDays }),
      at: clock.now(),
    });
  const provableUntil = answer.provableUntil?.toString();
  const sendDigestsBy = terms?.sendDigestsBy.toString();
  response.set('cache-control', 'no-store');
  const [record] = records;
  if (octets && record) {
    // The same as in JSON, for those who keep the record alone.
    if (provableUntil !== undefined) response.set('tokiwa-provable-until', provableUntil);
    if (sendDigestsBy !== undefined) response.set('tokiwa-send-digests-by', sendDigestsBy);
    response.set('content-type', recordMediaType).status(200).end(record);
    return;
  }
  response.status(200).json({
    ...{ id, status: 'done', profile, hashAlgorithm: algorithm, provider },
    takenInAt: answer.takenInAt.toString(),
    genTime: genTime.toString(),
    provableUntil,
    sendDigestsBy,
    nextHashAlgorithm: terms?.next,
    records: records.map(toBase64),
  });
}

/** Adds the addresses that take digests and give their records. */
export function addEvidence(app: Express, options: EvidenceEndpointOptions): void {
  const { evidence } = options;
  const admit = createAdmit(options);

  const refuse = async (response: Response, { asking, name }: LetIn, answer: PlainAnswer) => {
    const { status, text: reason } = answer;
    await options.refuse({ ...asking, profile: name, status, reason });
    sendPlain(response, answer);
  };

  /** Sends what is there under a name; what is not there yet, with the place to come back to. */
  const answerWith = async (
    request: Request,
    response: Response,
    { asking, name }: LetIn,
    id: string,
    applied?: Preference['applied'],
  ): Promise<void> => {
    const found = await evidence.find(asking.client, name, id);
    if (found.kind === 'unknown') {
      sendPlain(response, plainAnswers.unknownEvidence());
      return;
    }
    if (found.kind === 'done') {
      const octets = wantsOctets(request);
      if (octets && found.answer.records.length > 1)
        sendPlain(response, plainAnswers.notAsOctets());
      else sendAnswer(response, found.answer, octets, options);
      return;
    }
    const location = `/evidence/${encodeURIComponent(name)}/${id}`;
    const seconds = Math.max(1, options.settings().config.evidence.intervalSeconds);
    if (applied !== undefined) response.set('preference-applied', applied);
    response.set({ location, 'retry-after': String(Math.ceil(seconds)) });
    response.set('cache-control', 'no-store').status(202);
    response.json({ id, status: 'waiting', since: found.since.toString(), location });
  };

  const post = async (request: Request, response: Response): Promise<void> => {
    const letIn = await admit(request, response, String(request.params['profile']));
    if (!letIn) return;
    const { asking, name, profile } = letIn;
    if (!profile) {
      await refuse(response, letIn, plainAnswers.unknownProfile(name));
      return;
    }
    const digests = await readDigests(request, response, profile, options);
    if ('status' in digests) {
      await refuse(response, letIn, digests);
      return;
    }
    let submitted: Awaited<ReturnType<EvidenceService['submit']>>;
    try {
      submitted = await evidence.submit(asking, profile, digests);
    } catch {
      // Its event is written already.
      sendPlain(response, plainAnswers.notDurable());
      return;
    }
    if (submitted.kind === 'full') {
      await refuse(response, letIn, plainAnswers.full(submitted.retryAfterSeconds));
      return;
    }
    if (submitted.kind === 'limited') {
      await refuse(response, letIn, plainAnswers.limited(submitted, options.clock.now()));
      return;
    }
    const { config } = options.settings();
    const longest = config.evidence.intervalSeconds * 1000 + config.deadlineMs;
    const { waitMs = longest, applied } = preferenceOf(request.headers['prefer']);
    const gone = new AbortController();
    response.once('close', () => {
      gone.abort();
    });
    await evidence.settled(submitted.id, Math.min(waitMs, longest), gone.signal);
    if (!gone.signal.aborted) await answerWith(request, response, letIn, submitted.id, applied);
  };

  const get = async (request: Request, response: Response): Promise<void> => {
    const letIn = await admit(request, response, String(request.params['profile']));
    if (!letIn) return;
    const { name, profile } = letIn;
    const id = request.params['id'];
    if (!profile) sendPlain(response, plainAnswers.unknownProfile(name));
    else if (id === undefined) response.type('text/plain').send(evidenceText(profile));
    else await answerWith(request, response, letIn, String(id));
  };

  // A reload may switch it: as long as it is off, there is nothing here.
  app.use('/evidence', (_: Request, response: Response, next: NextFunction) => {
    if (options.settings().config.evidence.enabled) next();
    else sendPlain(response, plainAnswers.unknownAddress());
  });
  app
    .route('/evidence/:profile')
    .get(get)
    .post(post)
    .all((_, response) => {
      sendPlain(response, plainAnswers.wrongMethod());
    });
  app
    .route('/evidence/:profile/:id')
    .get(get)
    .all((_, response) => {
      sendPlain(response, plainAnswers.readOnly());
    });
}
