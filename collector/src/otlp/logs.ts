import type { LogRecord } from '@spanledger/metering';
import type { BodyType } from './content.ts';
import { walkJsonLogs } from './json-logs.ts';
import type { ScanLimits } from './limits.ts';
import { walkProtobufLogs } from './protobuf-logs.ts';
import type { WantedAttributes } from './wanted.ts';

/**
 * No record is rejected alone, so an answer to logs is never a partial success: a log record needs no ids and no time
 * (ids of a wrong length and times that cannot be are taken as absent), and whether it bills only metering can tell.
 */
export interface LogsCheck {
  /** Records that `readLogs` will return. */
  readonly records: number;
}

export interface LogsRead {
  readonly records: LogRecord[];
}

/**
 * Whether a body can be read, and how many log records it has; as `checkTraces` for traces. No bytes are an empty
 * request in either type.
 *
 * @throws SL_OTLP_MALFORMED, SL_OTLP_WRONG_SIGNAL, SL_OTLP_TOO_LARGE; nothing else.
 */
export function checkLogs(body: Uint8Array, type: BodyType, limits: ScanLimits): LogsCheck {
  return { records: walkLogs(body, type, null, limits).accepted };
}

/**
 * The log records of a body with the attributes that are wanted, in the order of the body.
 *
 * @throws what `checkLogs` throws for the same body.
 */
export function readLogs(
  body: Uint8Array,
  type: BodyType,
  wanted: WantedAttributes,
  limits: ScanLimits,
): LogsRead {
  return { records: walkLogs(body, type, wanted, limits).records };
}

function walkLogs(body: Uint8Array, type: BodyType, wanted: WantedAttributes | null, limits: ScanLimits) {
  switch (type) {
    case 'protobuf':
      return walkProtobufLogs(body, wanted, limits);
    case 'json':
      return walkJsonLogs(body, wanted, limits);
  }
}
