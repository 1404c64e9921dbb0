import type { AttributeValue, LogRecord } from '@spanledger/metering';
import { isId, type JsonObject, JsonWalk, type SignalNames, SPAN_ID, TRACE_ID, walkJson } from './json.ts';
import type { ScanLimits } from './limits.ts';
import { timeOrNull } from './times.ts';
import type { WantedAttributes } from './wanted.ts';

const NAMES: SignalNames = {
  signal: 'logs',
  inWords: 'log records',
  ofResource: 'resourceLogs',
  ofScope: 'scopeLogs',
  records: 'logRecords',
};

export interface JsonLogs {
  readonly accepted: number;
  /** Empty when nothing was wanted. */
  readonly records: LogRecord[];
}

/**
 * Reads an ExportLogsServiceRequest in OTLP/JSON; see `JsonWalk`.
 *
 * @throws what `walkJson` throws.
 */
export function walkJsonLogs(
  body: Uint8Array,
  wanted: WantedAttributes | null,
  limits: ScanLimits,
): JsonLogs {
  return walkJson(body, (longIntegers) => new LogRecordWalk(NAMES, wanted, limits, longIntegers));
}

class LogRecordWalk extends JsonWalk implements JsonLogs {
  readonly records: LogRecord[] = [];
  accepted = 0;

  protected record(message: JsonObject): void {
    const traceId = this.idText(message.traceId, 'traceId').toLowerCase();
    const spanId = this.idText(message.spanId, 'spanId').toLowerCase();
    const eventName = this.text(message.eventName, () => `${this.recordPath()}.eventName`);
    const timeMicros = this.micros(message.timeUnixNano, 'timeUnixNano');
    const observedMicros = this.micros(message.observedTimeUnixNano, 'observedTimeUnixNano');
    const body: AttributeValue | undefined = this.value(message.body, () => `${this.recordPath()}.body`);
    const attributes = this.attributes(message.attributes, this.recordPath);

    this.accepted++;
    const resource = this.resource;
    if (attributes === null || resource === null) return;
    this.records.push({
      traceId: isId(traceId, TRACE_ID) ? traceId : null,
      spanId: isId(spanId, SPAN_ID) ? spanId : null,
      eventName: eventName === '' ? null : eventName,
      body: typeof body === 'string' ? body : null,
      timeMicros: timeOrNull(timeMicros),
      observedTimeMicros: timeOrNull(observedMicros),
      attributes,
      resource,
      scopeName: this.scopeName,
      scopeVersion: this.scopeVersion,
    });
  }
}
