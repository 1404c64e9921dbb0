import { warnOnce } from './warn.ts';

/** When to ask the provider for usage in chat streams whose caller did not: see the README. */
export type StreamUsagePolicy = 'auto' | 'always' | 'never';

export interface MeteringOptions {
  readonly requestStreamUsage?: StreamUsagePolicy;
}

/** Reads `SPANLEDGER_REQUEST_STREAM_USAGE`: `auto` (default), `true` or `false`. */
export function optionsFrom(env: Readonly<Record<string, string | undefined>>): Required<MeteringOptions> {
  return { requestStreamUsage: policyFrom(env.SPANLEDGER_REQUEST_STREAM_USAGE) };
}

function policyFrom(value: string | undefined): StreamUsagePolicy {
  switch (value?.trim().toLowerCase()) {
    case undefined:
    case '':
    case 'auto':
      return 'auto';
    case 'true':
    case 'always':
      return 'always';
    case 'false':
    case 'never':
      return 'never';
    default:
      warnOnce(
        'option.stream-usage',
        'SPANLEDGER_REQUEST_STREAM_USAGE must be auto, true or false; using auto',
      );
      return 'auto';
  }
}

/** `OTEL_SDK_DISABLED`, as the OpenTelemetry specification defines it: only `true`, in any case, disables. */
export function isDisabled(env: Readonly<Record<string, string | undefined>>): boolean {
  return env.OTEL_SDK_DISABLED?.trim().toLowerCase() === 'true';
}
