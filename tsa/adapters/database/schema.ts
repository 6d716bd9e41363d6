// The tables that replicas share. Lines stand in them as they would stand in files; what lies beside a line is there to
// find it by. Later versions add, so that replicas of two versions can run beside each other during an update.

/** Counts up with every change. */
export const schemaVersion = 1;

/** Makes everything that is missing. `schema` is an identifier by the configuration's check. */
export function schemaStatements(schema: string): string {
  return `
CREATE SCHEMA IF NOT EXISTS "${schema}";
SET LOCAL search_path TO "${schema}";
CREATE TABLE IF NOT EXISTS settings (
  one boolean PRIMARY KEY CHECK (one),
  version integer NOT NULL,
  time_zone text NOT NULL
);
-- Requests, tokens and failures, in the order in which they were written.
CREATE TABLE IF NOT EXISTS journal (
  seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind text NOT NULL,
  id text NOT NULL,
  day text NOT NULL,
  provider text,
  serial_number text,
  line bytea NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS journal_token ON journal (id, provider, serial_number)
  WHERE kind = 'token';
CREATE INDEX IF NOT EXISTS journal_day ON journal (day, seq);
-- By the key of a request: the token that a repeat gets. Times are milliseconds since 1970.
CREATE TABLE IF NOT EXISTS answers (
  repeat_key text PRIMARY KEY,
  seq bigint NOT NULL,
  at bigint NOT NULL
);
-- What was bought, by the days of the configured time zone.
CREATE TABLE IF NOT EXISTS usage_days (
  day text NOT NULL,
  client text NOT NULL,
  profile text NOT NULL,
  provider text NOT NULL,
  currency text NOT NULL,
  tokens bigint NOT NULL,
  micros numeric NOT NULL,
  PRIMARY KEY (day, client, profile, provider, currency)
);
CREATE TABLE IF NOT EXISTS audit_lines (
  seq bigint PRIMARY KEY,
  day text NOT NULL,
  event text NOT NULL,
  line bytea NOT NULL
);
CREATE INDEX IF NOT EXISTS audit_day ON audit_lines (day, seq);
CREATE TABLE IF NOT EXISTS audit_stamps (
  seq bigint PRIMARY KEY,
  response bytea NOT NULL
);
-- Of no use after a crash of the server: nobody is being asked then.
CREATE UNLOGGED TABLE IF NOT EXISTS reservations (
  id text PRIMARY KEY,
  client text NOT NULL,
  profile text NOT NULL,
  provider text NOT NULL,
  currency text NOT NULL,
  micros numeric NOT NULL,
  until bigint NOT NULL
);
CREATE UNLOGGED TABLE IF NOT EXISTS buckets (
  key text PRIMARY KEY,
  tokens double precision NOT NULL,
  at bigint NOT NULL
);
CREATE UNLOGGED TABLE IF NOT EXISTS windows (
  key text PRIMARY KEY,
  taken bigint[] NOT NULL
);
`;
}
