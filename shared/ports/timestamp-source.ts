// One method: the octets of a TimeStampReq in, the octets of a TimeStampResp out (RFC 3161 §3.4).

/** A TSA as the archiver sees it: the caller made the request durable before it is sent. */
export type TimestampSource = {
  /** The name that events and reports use. */
  readonly name: string;
  /**
   * Sends the request octets unchanged and returns the answer's octets unchanged.
   * @throws SourceError, with `outcomeUnknown` where the request may have been acted upon
   */
  readonly exchange: (
    request: Uint8Array,
    options: { readonly signal: AbortSignal },
  ) => Promise<Uint8Array>;
  /** Leaves out of the TSA's words what it was told of who we are; absent: it was told nothing secret. */
  readonly conceal?: ((text: string) => string) | undefined;
};
