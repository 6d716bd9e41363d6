// One sentence for each verdict, in Japanese and English: what holds or not, as of when, and why. Chosen by
// subject, status and sub-indication, filled in from the verdict's facts; it decides nothing.
import type { SubIndication } from '#shared/trust/sub-indication.ts';
import type { Sentence, Verdict, VerdictSubject } from '#shared/validation/verdict.ts';

export type Explained = Pick<Verdict, 'status' | 'subIndication'> & {
  readonly subject: VerdictSubject;
  readonly name: string;
  readonly facts: Readonly<Record<string, string>>;
};

/** `{name}` stands for a fact; a fact that is not there reads as a dash. */
function fill(template: string, facts: Readonly<Record<string, string>>): string {
  return template.replace(/\{(\w+)\}/g, (_, key: string) => facts[key] ?? '–');
}

const subjects: Readonly<Record<VerdictSubject, Sentence>> = {
  document: { en: 'The document {name}', ja: '文書「{name}」' },
  signature: { en: 'The signature of {signer}', ja: '{signer} の署名' },
  timestamp: {
    en: 'The timestamp of {genTime} by {tsu}',
    ja: '{tsu} による {genTime} のタイムスタンプ',
  },
  'evidence-record': { en: 'The evidence record {name}', ja: 'エビデンスレコード「{name}」' },
  'archive-timestamp': {
    en: 'The archive timestamp of {genTime} by {tsu}',
    ja: '{tsu} による {genTime} のアーカイブタイムスタンプ',
  },
  'validation-data': { en: 'Validation data', ja: '検証情報' },
};

const unreadSubjects: Partial<Record<VerdictSubject, Sentence>> = {
  signature: { en: 'A signature', ja: '署名' },
  timestamp: { en: 'A timestamp', ja: 'タイムスタンプ' },
  'evidence-record': { en: 'An evidence record', ja: 'エビデンスレコード' },
};

/** Why not valid, as the end of a sentence that begins with the subject. */
const reasons: Readonly<Record<SubIndication, Sentence>> = {
  FORMAT_FAILURE: {
    en: 'cannot be read as the standard demands, so it proves nothing.',
    ja: 'は規格どおりの形式ではないため、何も証明しません。',
  },
  HASH_FAILURE: {
    en: 'does not fit the data: what it covers was changed, or is not this data.',
    ja: 'は対象のデータと一致しません。データが変更されたか、別のデータです。',
  },
  SIG_CRYPTO_FAILURE: {
    en: 'has a signature value that its certificate’s key did not make.',
    ja: 'の署名値は、証明書の鍵によるものではありません。',
  },
  REVOKED: {
    en: 'rests on a certificate that was revoked before.',
    ja: 'は、すでに失効していた証明書によるものです。',
  },
  EXPIRED: {
    en: 'rests on a certificate that had ended before.',
    ja: 'は、すでに有効期間の終わった証明書によるものです。',
  },
  NOT_YET_VALID: {
    en: 'is older than its certificate.',
    ja: 'は、その証明書の有効期間が始まる前のものです。',
  },
  SIG_CONSTRAINTS_FAILURE: {
    en: 'does not meet what is demanded of it.',
    ja: 'は、求められる条件を満たしていません。',
  },
  CHAIN_CONSTRAINTS_FAILURE: {
    en: 'rests on certificates that may not be used for this.',
    ja: 'の証明書は、この用途に使えるものではありません。',
  },
  CERTIFICATE_CHAIN_GENERAL_FAILURE: {
    en: 'rests on a chain of certificates that does not hold.',
    ja: 'の証明書チェーンは成り立ちません。',
  },
  CRYPTO_CONSTRAINTS_FAILURE: {
    en: 'uses an algorithm that the policy does not accept.',
    ja: 'は、方針が認めない暗号アルゴリズムを使っています。',
  },
  POLICY_PROCESSING_ERROR: {
    en: 'could not be judged by its policy.',
    ja: 'は、方針に照らして判定できませんでした。',
  },
  SIGNATURE_POLICY_NOT_AVAILABLE: {
    en: 'names a signature policy that is not at hand.',
    ja: 'が指す署名ポリシーが手元にありません。',
  },
  TIMESTAMP_ORDER_FAILURE: {
    en: 'has timestamps whose order contradicts itself.',
    ja: 'のタイムスタンプは、時刻の順序が矛盾しています。',
  },
  NO_SIGNING_CERTIFICATE_FOUND: {
    en: 'cannot be judged: the signer’s certificate is not at hand.',
    ja: 'は、署名者の証明書が手元にないため判定できません。',
  },
  NO_CERTIFICATE_CHAIN_FOUND: {
    en: 'cannot be judged: no path leads to an authority that is trusted here.',
    ja: 'は、ここで信頼する認証局までの経路がないため判定できません。',
  },
  NO_CERTIFICATE_CHAIN_FOUND_NO_POE: {
    en: 'cannot be judged: its authority is no longer trusted, and no proof is older than that.',
    ja: 'は、認証局がもう信頼されておらず、それ以前の存在証明がないため判定できません。',
  },
  REVOKED_NO_POE: {
    en: 'rests on a certificate that was revoked ({revokedAt}), and no proof shows that it existed before.',
    ja: 'の証明書は失効しており({revokedAt})、それより前に存在したという証明がありません。',
  },
  REVOKED_CA_NO_POE: {
    en: 'rests on an authority whose certificate was revoked ({revokedAt}), and no proof shows that it existed before.',
    ja: 'の認証局の証明書は失効しており({revokedAt})、それより前に存在したという証明がありません。',
  },
  OUT_OF_BOUNDS_NOT_REVOKED: {
    en: 'rests on a certificate that has ended ({until}) and was not revoked; no proof shows that it existed before.',
    ja: 'の証明書は失効していませんが有効期間が終わっており({until})、それより前に存在したという証明がありません。',
  },
  OUT_OF_BOUNDS_NO_POE: {
    en: 'rests on a certificate that has ended ({until}), and no proof shows that it existed before.',
    ja: 'の証明書は有効期間が終わっており({until})、それより前に存在したという証明がありません。',
  },
  REVOCATION_OUT_OF_BOUNDS_NO_POE: {
    en: 'rests on revocation data whose signer has ended, and no proof is older than that.',
    ja: 'の失効情報に署名した者の証明書の期間が終わっており、それより前の証明がありません。',
  },
  CRYPTO_CONSTRAINTS_FAILURE_NO_POE: {
    en: 'uses an algorithm ({algorithm}) that the policy no longer accepts, and no proof shows that it existed before.',
    ja: 'は方針がもう認めない暗号アルゴリズム({algorithm})を使っており、それより前に存在したという証明がありません。',
  },
  NO_POE: {
    en: 'has no proof of since when it exists that is old enough.',
    ja: 'には、必要な時点より前に存在したという証明がありません。',
  },
  TRY_LATER: {
    en: 'cannot be judged yet: whether its certificates were revoked is not known.',
    ja: 'は、証明書が失効していないか分からないため、まだ判定できません。',
  },
  SIGNED_DATA_NOT_FOUND: {
    en: 'cannot be judged: the data that it covers is not at hand.',
    ja: 'は、対象のデータが手元にないため判定できません。',
  },
  CUSTOM: {
    en: 'is not judged by this version.',
    ja: 'は、この版では判定しません。',
  },
};

/** JPKI gives revocation data to verifiers that are registered with J-LIS alone. */
const withoutJpkiStatus: Sentence = {
  en: 'is by a JPKI certificate. Its revocation data is given only to verifiers registered with J-LIS: it cannot be judged until a CRL or OCSP response obtained elsewhere is imported.',
  ja: 'は公的個人認証サービス(JPKI)の証明書によるものです。失効情報は J-LIS に届け出た検証者にだけ提供されるため、ほかで入手した失効情報(CRL または OCSP 応答)を取り込むまで判定できません。',
};

/** Certificates that are issued for something else than signing documents, by what for. */
const refusals: Readonly<Record<string, Sentence>> = {
  test: {
    en: 'is by a certificate for tests, which signs no documents.',
    ja: 'はテスト用の証明書によるものです。テスト用証明書で文書に署名することはできません。',
  },
  authentication: {
    en: 'is by a certificate for authentication, which signs no documents.',
    ja: 'は認証用の証明書によるものです。認証用証明書で文書に署名することはできません。',
  },
};

/** Where the facts of a signature say more than its sub-indication. */
function ownReason({ subject, subIndication, facts }: Explained): Sentence | undefined {
  if (subject !== 'signature') return undefined;
  if (subIndication === 'TRY_LATER' && facts['signerClass'] === 'jpki') return withoutJpkiStatus;
  return subIndication === 'CHAIN_CONSTRAINTS_FAILURE'
    ? refusals[facts['refusedFor'] ?? '']
    : undefined;
}

const unexplained: Sentence = {
  en: 'cannot be judged.',
  ja: 'は判定できません。',
};

/** What could not be read has neither a time nor a signer to be named by. */
function unreadSentence({ subject, subIndication, facts }: Explained): Sentence {
  const { en, ja } = unreadSubjects[subject] ?? subjects[subject];
  const [placeEn, placeJa] =
    facts['place'] === undefined ? ['', ''] : [' in {place}', '{place} の'];
  const [thenEn, thenJa] =
    subIndication === 'FORMAT_FAILURE'
      ? [', so it proves nothing', 'ないため、何も証明しません']
      : ['', 'ません'];
  return {
    en: `${en} ({unread})${placeEn} cannot be read${thenEn}: {cause}.`,
    ja: `${placeJa}${ja}({unread})を読み取れ${thenJa}: {cause}`,
  };
}

const failingDocument: Sentence = {
  en: '{name} is not proved: {decidedBy} decides.',
  ja: '「{name}」は証明できません。判定を決めたのは {decidedBy} です。',
};

/** Valid: by itself, or because a proof is older than what would undo it. */
function validSentence({ subject, facts }: Explained): Sentence {
  if (subject === 'document')
    return {
      en: 'Everything that proves {name} holds as of {at}.',
      ja: '「{name}」の証明は、{at} の時点ですべて有効です。',
    };
  if (facts['until'] !== undefined && facts['existsSince'] !== undefined)
    return {
      en: `${subjects[subject].en} holds as of {at}: it is proved to exist since {existsSince}, while its certificates can be shown to have held until {until}.`,
      ja: `${subjects[subject].ja}は {at} の時点で有効です。{existsSince} から存在したことが証明されており、証明書は {until} まで有効だったと示せます。`,
    };
  if (facts['licence'] !== undefined)
    return {
      en: `${subjects[subject].en} holds as of {at}; the certificate names the licence {licence}.`,
      ja: `${subjects[subject].ja}は {at} の時点で有効です。証明書に記載された資格は「{licence}」です。`,
    };
  return {
    en: `${subjects[subject].en} holds as of {at}.`,
    ja: `${subjects[subject].ja}は {at} の時点で有効です。`,
  };
}

/** The sentence of one verdict. */
export function explain(verdict: Explained): Sentence {
  const { subject, status, subIndication, facts, name } = verdict;
  const values = { ...facts, name };
  const filled = ({ en, ja }: Sentence): Sentence => ({
    en: fill(en, values),
    ja: fill(ja, values),
  });
  if (status === 'valid') return filled(validSentence(verdict));
  if (subject === 'document' && facts['decidedBy'] !== undefined) return filled(failingDocument);
  if (facts['unread'] !== undefined) return filled(unreadSentence(verdict));
  const reason = ownReason(verdict) ?? (subIndication ? reasons[subIndication] : unexplained);
  return filled({
    en: `${subjects[subject].en} ${reason.en}`,
    ja: `${subjects[subject].ja}${reason.ja}`,
  });
}
