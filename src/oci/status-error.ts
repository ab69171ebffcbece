import { OciError, type OciErrorCode, type OciErrorOptions } from './error.ts';

/** Statuses of answers for which the distribution-spec lists no code. */
export type StatusWithoutCode = 400 | 404 | 408 | 413 | 414 | 416 | 417 | 421 | 431 | 500 | 502 | 503 | 504;

/**
 * The nearest listed code for each of them, decided in `docs/adr/0003-error-codes.md`. An outage never has a code that claims
 * absence, nor one that Docker takes as final (UNSUPPORTED, DENIED, TOOMANYREQUESTS, NAME_UNKNOWN).
 */
export const STATUS_ERRORS: Readonly<
  Record<StatusWithoutCode, { readonly code: OciErrorCode; readonly message: string }>
> = {
  400: { code: 'UNSUPPORTED', message: 'The request is malformed.' },
  404: { code: 'UNSUPPORTED', message: 'No endpoint of the registry API has this path.' },
  408: { code: 'BLOB_UPLOAD_INVALID', message: 'The request did not arrive in time; send it again.' },
  413: { code: 'SIZE_INVALID', message: 'The content is longer than the registry proxy accepts.' },
  414: { code: 'NAME_INVALID', message: 'The request target is longer than the registry proxy accepts.' },
  416: {
    code: 'SIZE_INVALID',
    message: 'The range lies outside the content; see Content-Range for its length.',
  },
  417: { code: 'UNSUPPORTED', message: 'Only Expect: 100-continue is understood.' },
  421: {
    code: 'NAME_UNKNOWN',
    message: 'No registry is configured for this host name; check the name in the request.',
  },
  431: { code: 'SIZE_INVALID', message: 'The header section is longer than the registry proxy accepts.' },
  500: {
    code: 'BLOB_UPLOAD_INVALID',
    message: 'The registry proxy failed; try again, and give its operator the request id.',
  },
  502: {
    code: 'BLOB_UPLOAD_INVALID',
    message: 'The upstream registry gave no usable answer; try again later.',
  },
  503: {
    code: 'BLOB_UPLOAD_INVALID',
    message: 'The registry proxy can not take this request now; try again later.',
  },
  504: {
    code: 'BLOB_UPLOAD_INVALID',
    message: 'The upstream registry did not answer in time; try again later.',
  },
};

/** An error by its status, for the statuses above; the status option is given by the first parameter. */
export function statusError(
  status: StatusWithoutCode,
  options: Omit<OciErrorOptions, 'status'> = {},
): OciError {
  const { code, message } = STATUS_ERRORS[status];
  return new OciError(code, { ...options, status, message: options.message ?? message });
}
