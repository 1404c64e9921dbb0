/**
 * `node --import @spanledger/instrumentation/register app.js`: what happens, in order.
 *
 * 1. Module hooks are installed, so that the app's `openai` is metered when it is loaded.
 * 2. The parts of an OpenTelemetry SDK are loaded, but nothing is started: the app may bring its own.
 * 3. On the first metered call, or the first `withAttribution`, the decision falls. If the app has set a tracer
 *    provider, its own is used and ours stays unused. If not, a stand-in starts that sends to Spanledger.
 *
 * Nothing here may throw: the app comes after it.
 */
import { onFirstUse } from './first-use.ts';
import { installModuleLoader } from './loader.ts';
import { OpenAIInstrumentation } from './openai/instrumentation.ts';
import { isDisabled } from './options.ts';
import { flushAtEnd } from './sdk/ending.ts';
import { loadSdkParts } from './sdk/parts.ts';
import { hasTracerProvider, protocolFrom, startStandIn } from './sdk/stand-in.ts';
import { warnLoudlyOnce } from './warn.ts';

const STARTED = Symbol.for('spanledger.registered');

function start(): void {
  const env = process.env;
  // A second copy of this package, or a second --import, must not patch or send anything twice.
  if (isDisabled(env) || Reflect.get(globalThis, STARTED) === true) return;
  Reflect.defineProperty(globalThis, STARTED, { value: true });

  installModuleLoader();
  new OpenAIInstrumentation().enable();

  if (hasTracerProvider() || env.OTEL_TRACES_EXPORTER === 'none') return;
  const protocol = protocolFrom(env);
  const parts = loadSdkParts(protocol);
  onFirstUse(() => {
    if (hasTracerProvider()) return;
    if (parts === undefined) {
      warnLoudlyOnce(
        'SL_SDK_MISSING',
        'AI calls are not metered: there is no OpenTelemetry SDK. Run: npm install @opentelemetry/sdk-node',
      );
      return;
    }
    flushAtEnd(startStandIn(parts, protocol, env));
  });
}

try {
  start();
} catch (error) {
  warnLoudlyOnce('SL_REGISTER_FAILED', `AI calls are not metered: ${String(error)}`);
}
