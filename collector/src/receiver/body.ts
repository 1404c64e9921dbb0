import type { IncomingMessage } from 'node:http';
import { SpanledgerError } from '../errors.ts';

export interface ReceivedBody {
  readonly bytes: Buffer;
  /** Gives the bytes back to the in-flight budget; call it once the request is answered. */
  readonly release: () => void;
}

/**
 * Reads a request body into memory, within the bound of one body and the budget of all bodies together. A declared
 * length past a bound is refused before a byte is read.
 *
 * @throws {SpanledgerError} SL_OTLP_TOO_LARGE, SL_RECEIVER_BUSY, SL_OTLP_INTERRUPTED (the sender went away)
 */
export async function readBody(
  request: IncomingMessage,
  maxBytes: number,
  maxInFlightBytes: number,
  inFlight: { bytes: number },
): Promise<ReceivedBody> {
  const declared = Number(request.headers['content-length'] ?? 0);
  if (declared > maxBytes) throw tooLarge(maxBytes);
  let held = 0;
  const release = () => {
    inFlight.bytes -= held;
    held = 0;
  };
  const hold = (bytes: number) => {
    if (inFlight.bytes + bytes > maxInFlightBytes) {
      throw new SpanledgerError(
        'SL_RECEIVER_BUSY',
        `Bodies of ${maxInFlightBytes} bytes are being received already; send again shortly.`,
      );
    }
    inFlight.bytes += bytes;
    held += bytes;
  };
  try {
    hold(declared);
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of request) {
      if (!Buffer.isBuffer(chunk)) throw new TypeError('a request stream without encoding gives buffers');
      length += chunk.byteLength;
      if (length > maxBytes) throw tooLarge(maxBytes);
      if (length > held) hold(length - held);
      chunks.push(chunk);
    }
    const [first] = chunks;
    return {
      bytes: chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks, length),
      release,
    };
  } catch (error) {
    release();
    if (error instanceof SpanledgerError || error instanceof TypeError) throw error;
    throw new SpanledgerError('SL_OTLP_INTERRUPTED', 'The connection ended before the body did.', {
      cause: error,
    });
  }
}

function tooLarge(maxBytes: number): SpanledgerError {
  return new SpanledgerError(
    'SL_OTLP_TOO_LARGE',
    `The body is larger than ${maxBytes} bytes. Send smaller batches, or raise receiver.max_body_bytes.`,
  );
}
