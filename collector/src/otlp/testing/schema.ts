import protobuf from 'protobufjs';

/**
 * The messages of opentelemetry-proto v1 for traces and logs, and google.rpc.Status, for a general decoder: what the
 * hand-written scanner and replies are checked against. Enums are declared as int32, which is how they are encoded.
 */
const root = protobuf.Root.fromJSON({
  nested: {
    ExportTraceServiceRequest: message({ resourceSpans: ['repeated ResourceSpans', 1] }),
    ExportTraceServiceResponse: message({ partialSuccess: ['ExportTracePartialSuccess', 1] }),
    ExportTracePartialSuccess: message({ rejectedSpans: ['int64', 1], errorMessage: ['string', 2] }),
    RpcStatus: message({ code: ['int32', 1], message: ['string', 2] }),
    ResourceSpans: message({
      resource: ['Resource', 1],
      scopeSpans: ['repeated ScopeSpans', 2],
      schemaUrl: ['string', 3],
    }),
    Resource: message({ attributes: ['repeated KeyValue', 1], droppedAttributesCount: ['uint32', 2] }),
    ScopeSpans: message({
      scope: ['InstrumentationScope', 1],
      spans: ['repeated Span', 2],
      schemaUrl: ['string', 3],
    }),
    InstrumentationScope: message({
      name: ['string', 1],
      version: ['string', 2],
      attributes: ['repeated KeyValue', 3],
      droppedAttributesCount: ['uint32', 4],
    }),
    Span: message({
      traceId: ['bytes', 1],
      spanId: ['bytes', 2],
      traceState: ['string', 3],
      parentSpanId: ['bytes', 4],
      name: ['string', 5],
      kind: ['int32', 6],
      startTimeUnixNano: ['fixed64', 7],
      endTimeUnixNano: ['fixed64', 8],
      attributes: ['repeated KeyValue', 9],
      droppedAttributesCount: ['uint32', 10],
      events: ['repeated Event', 11],
      droppedEventsCount: ['uint32', 12],
      links: ['repeated Link', 13],
      droppedLinksCount: ['uint32', 14],
      status: ['Status', 15],
      flags: ['fixed32', 16],
    }),
    ExportLogsServiceRequest: message({ resourceLogs: ['repeated ResourceLogs', 1] }),
    ResourceLogs: message({
      resource: ['Resource', 1],
      scopeLogs: ['repeated ScopeLogs', 2],
      schemaUrl: ['string', 3],
    }),
    ScopeLogs: message({
      scope: ['InstrumentationScope', 1],
      logRecords: ['repeated LogRecord', 2],
      schemaUrl: ['string', 3],
    }),
    LogRecord: message({
      timeUnixNano: ['fixed64', 1],
      severityNumber: ['int32', 2],
      severityText: ['string', 3],
      body: ['AnyValue', 5],
      attributes: ['repeated KeyValue', 6],
      droppedAttributesCount: ['uint32', 7],
      flags: ['fixed32', 8],
      traceId: ['bytes', 9],
      spanId: ['bytes', 10],
      observedTimeUnixNano: ['fixed64', 11],
      eventName: ['string', 12],
    }),
    Event: message({
      timeUnixNano: ['fixed64', 1],
      name: ['string', 2],
      attributes: ['repeated KeyValue', 3],
      droppedAttributesCount: ['uint32', 4],
    }),
    Link: message({
      traceId: ['bytes', 1],
      spanId: ['bytes', 2],
      traceState: ['string', 3],
      attributes: ['repeated KeyValue', 4],
      droppedAttributesCount: ['uint32', 5],
      flags: ['fixed32', 6],
    }),
    Status: message({ message: ['string', 2], code: ['int32', 3] }),
    KeyValue: message({ key: ['string', 1], value: ['AnyValue', 2] }),
    AnyValue: {
      oneofs: {
        value: {
          oneof: [
            'stringValue',
            'boolValue',
            'intValue',
            'doubleValue',
            'arrayValue',
            'kvlistValue',
            'bytesValue',
          ],
        },
      },
      ...message({
        stringValue: ['string', 1],
        boolValue: ['bool', 2],
        intValue: ['int64', 3],
        doubleValue: ['double', 4],
        arrayValue: ['ArrayValue', 5],
        kvlistValue: ['KeyValueList', 6],
        bytesValue: ['bytes', 7],
      }),
    },
    ArrayValue: message({ values: ['repeated AnyValue', 1] }),
    KeyValueList: message({ values: ['repeated KeyValue', 1] }),
  },
});

export const TracesRequestType = root.lookupType('ExportTraceServiceRequest');
export const LogsRequestType = root.lookupType('ExportLogsServiceRequest');
export const TracesResponseType = root.lookupType('ExportTraceServiceResponse');
export const RpcStatusType = root.lookupType('RpcStatus');

function message(fields: Record<string, readonly [type: string, id: number]>): protobuf.IType {
  const described = Object.entries(fields).map(([name, [type, id]]) => {
    const [, repeated, fieldType = ''] = /^(repeated )?(.+)$/.exec(type) ?? [];
    return [name, { type: fieldType, id, ...(repeated === undefined ? {} : { rule: 'repeated' }) }] as const;
  });
  return {
    fields: Object.fromEntries(described),
    // proto3, except that a text of invalid UTF-8 is read with U+FFFD in it instead of failing the whole request.
    edition: '2023',
    options: { features: { field_presence: 'IMPLICIT', utf8_validation: 'NONE' } },
  };
}
