import { context, logs, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { NodeSDK } from '@opentelemetry/sdk-node';

// A tool that tells of a model call in a log event, once within a trace and once outside any. Where it is sent, and how,
// the environment says, as for any user of OpenTelemetry.
const sdk = new NodeSDK({ autoDetectResources: true });
sdk.start();
const event = {
  eventName: 'claude_code.api_request',
  severityNumber: 9,
  body: 'claude_code.api_request',
  attributes: {
    'event.name': 'api_request',
    'session.id': 'session-1',
    model: 'claude-sonnet-4-5',
    input_tokens: 2,
    output_tokens: 310,
    cache_read_tokens: 84562,
    cache_creation_tokens: 1200,
    cost_usd: 0.03452,
    request_id: 'req_011CSHoEeqs5C35K2UUqR7Fy',
  },
};
const logger = logs.getLogger('com.anthropic.claude_code.events', '2.1.0');
const within = { traceId: 'a1'.repeat(16), spanId: 'b2'.repeat(8), traceFlags: 1 };
logger.emit({ ...event, context: trace.setSpanContext(ROOT_CONTEXT, within) });
logger.emit({ ...event, context: context.active(), body: { kind: 'no text' } });
await sdk.shutdown();
