// The words of the status page, in Japanese and English.

export type Language = 'ja' | 'en';

const en = {
  title: 'Timestamp proxy',
  ready: 'Ready: queries are answered.',
  notReady: 'Not ready: the journal or the audit log cannot be written. No token is given out.',
  asOf: 'As of',
  today: 'Tokens today',
  month: 'Tokens this month',
  cost: 'Cost this month',
  noCost: 'no prices configured',
  providers: 'Providers',
  provider: 'Provider',
  state: 'State',
  median: 'Median',
  p95: '95 in 100 within',
  lastSuccess: 'Last good token',
  lastFailure: 'Last failure',
  chainEnds: 'TSU chain ends',
  never: 'none yet',
  local: 'local unit, accredited by nobody',
  closed: 'asked as usual',
  'half-open': 'on trial',
  open: 'passed over',
  budgets: 'Budgets',
  budget: 'Budget',
  used: 'Used',
  everything: 'everything',
  contact: 'Contact',
  approved: 'Approved',
  contacts: 'Whom to call',
  party: 'Party',
  unfilled: 'nobody is named',
  facility: 'Facility',
  integrator: 'Integrator',
  network: 'Network',
  store: 'Store',
  ending: 'Certificates about to end',
  noneEnding: 'None within 60 days.',
  use: 'Certificate',
  ends: 'Ends',
  days: (days: number): string =>
    days < 0 ? 'ended' : days === 1 ? '1 day left' : `${days} days left`,
  tokensOf: (used: number, all: number): string => `${used} of ${all} tokens`,
  costOf: (used: string, all: string): string => `${used} of ${all}`,
  perMonth: 'this month',
  perDay: 'today',
  audit: 'Audit log: last line and its SHA-256',
  algorithms: 'Algorithm policy',
  noAlgorithms: 'none: any algorithm that verifies',
  other: '日本語',
} as const;

export type StatusTexts = {
  readonly [K in keyof typeof en]: (typeof en)[K] extends string ? string : (typeof en)[K];
};

const ja: StatusTexts = {
  title: 'タイムスタンプ・プロキシ',
  ready: '稼働中:要求に応答しています。',
  notReady: '停止中:ジャーナルまたは監査ログに書き込めません。トークンは発行されません。',
  asOf: '時点',
  today: '本日のトークン数',
  month: '今月のトークン数',
  cost: '今月の費用',
  noCost: '価格の設定なし',
  providers: 'タイムスタンプ局',
  provider: '局',
  state: '状態',
  median: '中央値',
  p95: '95%が収まる時間',
  lastSuccess: '直近の有効なトークン',
  lastFailure: '直近の失敗',
  chainEnds: 'TSU証明書チェーンの期限',
  never: 'まだありません',
  local: '内蔵局(認定なし)',
  closed: '通常',
  'half-open': '試行中',
  open: '一時除外',
  budgets: '予算',
  budget: '予算',
  used: '使用率',
  everything: '全体',
  contact: '連絡先',
  approved: '承認',
  contacts: '連絡先一覧',
  party: '担当',
  unfilled: '未記入',
  facility: '医療機関等',
  integrator: '導入・保守事業者',
  network: 'ネットワーク事業者',
  store: 'ストレージ事業者',
  ending: '期限の近い証明書',
  noneEnding: '60日以内に切れるものはありません。',
  use: '証明書',
  ends: '期限',
  days: (days) => (days < 0 ? '期限切れ' : `残り${days}日`),
  tokensOf: (used, all) => `${all}件中${used}件`,
  costOf: (used, all) => `${all}のうち${used}`,
  perMonth: '今月',
  perDay: '本日',
  audit: '監査ログの最終行とそのSHA-256',
  algorithms: 'アルゴリズムポリシー',
  noAlgorithms: 'なし(検証できるアルゴリズムはすべて可)',
  other: 'English',
};

export const statusTexts: Readonly<Record<Language, StatusTexts>> = { ja, en };

/** The language asked for by the address, else the first of Accept-Language that is there, else English. */
export function chooseLanguage(asked: unknown, acceptLanguage: string | undefined): Language {
  if (asked === 'ja' || asked === 'en') return asked;
  const wanted = (acceptLanguage ?? '')
    .split(',')
    .map((part) => part.split(';')[0]?.trim().slice(0, 2).toLowerCase());
  return wanted.find((one) => one === 'ja' || one === 'en') === 'ja' ? 'ja' : 'en';
}
