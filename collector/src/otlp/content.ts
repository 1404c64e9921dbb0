/** The two encodings of OTLP/HTTP; an answer has the same one as its request. */
export type BodyType = 'protobuf' | 'json';

export type BodyEncoding = 'identity' | 'gzip' | 'deflate';

/**
 * The body type that a `Content-Type` names, or undefined when OTLP does not know it (answer 415). The type is
 * compared without case and parameters such as `charset` are ignored (RFC 9110, section 8.3.1).
 */
export function bodyTypeOf(contentType: string | undefined): BodyType | undefined {
  const [type = ''] = (contentType ?? '').split(';', 1);
  switch (type.trim().toLowerCase()) {
    case 'application/x-protobuf':
      return 'protobuf';
    case 'application/json':
      return 'json';
    default:
      return undefined;
  }
}

/**
 * The one coding that a `Content-Encoding` names, or undefined when it cannot be read (answer 415). `x-gzip` is
 * gzip's older name (RFC 9110, section 8.4.1.3). A list of codings is not read: no OTLP sender stacks them.
 */
export function bodyEncodingOf(contentEncoding: string | undefined): BodyEncoding | undefined {
  switch ((contentEncoding ?? '').trim().toLowerCase()) {
    case '':
    case 'identity':
      return 'identity';
    case 'gzip':
    case 'x-gzip':
      return 'gzip';
    case 'deflate':
      return 'deflate';
    default:
      return undefined;
  }
}
