/** The distribution-spec's error codes, all of them and no others; what each is used for: `docs/errors.md`. */
export type OciErrorCode =
  | 'BLOB_UNKNOWN'
  | 'BLOB_UPLOAD_INVALID'
  | 'BLOB_UPLOAD_UNKNOWN'
  | 'DENIED'
  | 'DIGEST_INVALID'
  | 'MANIFEST_BLOB_UNKNOWN'
  | 'MANIFEST_INVALID'
  | 'MANIFEST_UNKNOWN'
  | 'NAME_INVALID'
  | 'NAME_UNKNOWN'
  | 'SIZE_INVALID'
  | 'TOOMANYREQUESTS'
  | 'UNAUTHORIZED'
  | 'UNSUPPORTED';

export type OciErrorOptions = {
  /** HTTP status; left out: the code's own. */
  readonly status?: number | undefined;
  /** For the client: what is wrong and what to do. Left out: the code's own. Never a secret, never an upstream's URL. */
  readonly message?: string | undefined;
  /** Further facts for the client, in the document's `detail`. */
  readonly detail?: Readonly<Record<string, unknown>> | undefined;
  /** Fields of the answer, names in lower case. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** For the log. */
  readonly cause?: unknown;
};

/** Status and message of each code where a caller gives none. */
export const OCI_ERRORS: Readonly<
  Record<OciErrorCode, { readonly status: number; readonly message: string }>
> = {
  BLOB_UNKNOWN: { status: 404, message: 'The registry does not have this blob in this repository.' },
  BLOB_UPLOAD_INVALID: { status: 400, message: 'The blob upload is invalid; start it again.' },
  BLOB_UPLOAD_UNKNOWN: { status: 404, message: 'The registry does not know this upload; start it again.' },
  DENIED: { status: 403, message: 'Access to this resource is denied.' },
  DIGEST_INVALID: {
    status: 400,
    message:
      'The digest is not of the form sha256:<64 lower-case hex digits> or sha512:<128>, or the content has another.',
  },
  MANIFEST_BLOB_UNKNOWN: {
    status: 404,
    message: 'The manifest names a blob that the registry does not have; push it first.',
  },
  MANIFEST_INVALID: { status: 400, message: 'The manifest is not valid.' },
  MANIFEST_UNKNOWN: { status: 404, message: 'The registry does not have this manifest in this repository.' },
  NAME_INVALID: { status: 400, message: 'The repository name is not valid.' },
  NAME_UNKNOWN: { status: 404, message: 'The registry does not know this repository.' },
  SIZE_INVALID: { status: 400, message: 'The length given does not fit the content.' },
  TOOMANYREQUESTS: { status: 429, message: 'Too many requests; try again later.' },
  UNAUTHORIZED: { status: 401, message: 'Authentication is required.' },
  UNSUPPORTED: { status: 405, message: 'The operation is not supported.' },
};

/** A failure with an answer for the client (`clientMessage`) and a reason for the log (`cause`). */
export class OciError extends Error {
  readonly code: OciErrorCode;
  readonly status: number;
  readonly clientMessage: string;
  readonly detail: Readonly<Record<string, unknown>> | undefined;
  readonly headers: Readonly<Record<string, string>> | undefined;

  constructor(code: OciErrorCode, options: OciErrorOptions = {}) {
    const clientMessage = options.message ?? OCI_ERRORS[code].message;
    super(clientMessage, 'cause' in options ? { cause: options.cause } : {});
    this.name = 'OciError';
    this.code = code;
    this.status = options.status ?? OCI_ERRORS[code].status;
    this.clientMessage = clientMessage;
    this.detail = options.detail;
    this.headers = options.headers;
  }
}

export function ociError(code: OciErrorCode, options: OciErrorOptions = {}): OciError {
  return new OciError(code, options);
}

/** The document of the distribution-spec, "Error Codes". */
export function formatErrorDocument(error: OciError, requestId: string): string {
  const { code, clientMessage: message, detail } = error;
  return JSON.stringify({ errors: [{ code, message, detail: { ...detail, requestId } }] });
}
