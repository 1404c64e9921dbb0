import { gunzipSync, inflateRawSync, inflateSync } from 'node:zlib';
import { SpanledgerError } from '../errors.ts';
import type { BodyEncoding } from './content.ts';

/** zlib hands out its output in pieces; at its default of 16 KiB a batch of 500 KB is joined from 30 of them. */
const PIECE_BYTES = 128 * 1024;

/**
 * The body as its sender encoded it, never more than `maxBytes`: zlib stops as soon as its output passes the
 * bound, so a bomb costs no more memory than an honest body. Runs on the calling thread, because handing half a
 * megabyte to the pool and back measured no faster.
 *
 * @throws SL_OTLP_TOO_LARGE past the bound, SL_OTLP_ENCODING when the bytes are not what the header said.
 */
export function inflate(body: Uint8Array, encoding: BodyEncoding, maxBytes: number): Uint8Array {
  if (encoding === 'identity') {
    if (body.length > maxBytes) {
      throw new SpanledgerError(
        'SL_OTLP_TOO_LARGE',
        `The body has ${body.length} bytes; at most ${maxBytes} are taken. Send smaller batches.`,
      );
    }
    return body;
  }
  // zlib refuses a bound of 0, which would mean "nothing but an empty body" here.
  const options = { maxOutputLength: Math.max(1, maxBytes), chunkSize: PIECE_BYTES };
  try {
    return encoding === 'gzip' ? gunzipSync(body, options) : inflateDeflate(body, options);
  } catch (cause) {
    if (codeOf(cause) === 'ERR_BUFFER_TOO_LARGE') {
      throw new SpanledgerError(
        'SL_OTLP_TOO_LARGE',
        `The ${encoding} body inflates past ${maxBytes} bytes. Send smaller batches.`,
        { cause },
      );
    }
    throw new SpanledgerError(
      'SL_OTLP_ENCODING',
      `The content encoding says ${encoding}, but the body does not inflate: ${messageOf(cause)}.`,
      { cause },
    );
  }
}

/**
 * HTTP's deflate is the zlib format (RFC 9110, section 8.4.1.2), yet some senders leave out its two byte header.
 * Raw deflate has no mark of its own, so it is tried when the zlib format does not fit.
 */
function inflateDeflate(
  body: Uint8Array,
  options: { maxOutputLength: number; chunkSize: number },
): Uint8Array {
  try {
    return inflateSync(body, options);
  } catch (cause) {
    if (codeOf(cause) !== 'Z_DATA_ERROR') throw cause;
    return inflateRawSync(body, options);
  }
}

function codeOf(thrown: unknown): unknown {
  return thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
}

function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
