import { Hook as ImportHook } from 'import-in-the-middle';
import { Hook as RequireHook } from 'require-in-the-middle';
import { type MeteringOptions, optionsFrom } from '../options.ts';
import { packageVersionAt } from '../package-version.ts';
import { field, isObject } from '../shape.ts';
import { INSTRUMENTATION_NAME, INSTRUMENTATION_VERSION } from '../version.ts';
import { warnOnce } from '../warn.ts';
import { meterCreate } from './meter-create.ts';
import { surfaces } from './reading.ts';

/** The entry points of the package that export a client class. */
export const OPENAI_ENTRY_POINTS: readonly string[] = ['openai', 'openai/client', 'openai/azure'];
const CLIENT_CLASSES: readonly string[] = ['OpenAI', 'AzureOpenAI', 'default'];
const KNOWN_MAJORS: ReadonlySet<number> = new Set([5, 6, 7]);

/**
 * Meters the `openai` package whenever it is loaded. It has the shape of OpenTelemetry's `Instrumentation`, so it can
 * also stand in `new NodeSDK({ instrumentations: [...] })`; ESM apps then need the loader hook of `/register` as well.
 *
 * Spans go to the global tracer provider, whichever that is when a call begins.
 */
export class OpenAIInstrumentation {
  readonly instrumentationName: string = INSTRUMENTATION_NAME;
  readonly instrumentationVersion: string = INSTRUMENTATION_VERSION;
  readonly #options: Required<MeteringOptions>;
  #hooks: readonly { unhook(): void }[] = [];

  constructor(options: MeteringOptions = {}) {
    this.#options = { ...optionsFrom(process.env), ...options };
  }

  /** Starts to watch for the package. Classes it has patched stay patched; patching twice is harmless. */
  enable(): void {
    if (this.#hooks.length > 0) return;
    const onLoad = (exported: unknown, directory: string | undefined): void => {
      try {
        meterModule(exported, packageVersionAt(directory), this.#options);
      } catch (error) {
        warnOnce('openai.load', 'could not instrument the openai package', error);
      }
    };
    this.#hooks = [
      new ImportHook([...OPENAI_ENTRY_POINTS], (exported, _name, directory) => {
        onLoad(exported, directory ?? undefined);
      }),
      new RequireHook([...OPENAI_ENTRY_POINTS], (exported, _name, directory) => {
        onLoad(exported, directory);
        return exported;
      }),
    ];
  }

  disable(): void {
    for (const hook of this.#hooks) hook.unhook();
    this.#hooks = [];
  }

  setTracerProvider(): void {}
  setMeterProvider(): void {}
  setConfig(): void {}
  getConfig(): { readonly enabled: boolean } {
    return { enabled: this.#hooks.length > 0 };
  }
}

/**
 * Patches the resource classes that hang on the client classes of a loaded module. `require('openai')` and
 * `import 'openai'` load two separate class trees; each passes here on its own.
 */
export function meterModule(
  exported: unknown,
  version: string | undefined,
  options: Required<MeteringOptions>,
): void {
  const classes = CLIENT_CLASSES.map((name) => field(exported, name)).filter(isObject);
  const major = Number.parseInt(version ?? '', 10);
  if (!KNOWN_MAJORS.has(major)) {
    warnOnce(
      `openai.version.${version ?? 'unknown'}`,
      `openai ${version ?? 'of unknown version'} is not one of the tested versions 5 to 7; trying all the same`,
    );
  }
  let fits = 0;
  for (const surface of surfaces) {
    for (const client of classes) {
      const prototype = field(client, ...surface.classPath, 'prototype');
      if (isObject(prototype) && meterCreate(prototype, surface, options) !== 'unfit') fits += 1;
    }
  }
  if (fits === 0) {
    warnOnce(
      `openai.unfit.${version ?? 'unknown'}`,
      `openai ${version ?? 'of unknown version'} has another shape than expected; its calls are not metered`,
    );
  }
}

/**
 * Meters one client, for apps whose bundler has inlined the SDK so that no module hook can find it. Returns the same
 * client. Calling it on a client that is metered already changes nothing.
 */
export function meter<Client extends object>(client: Client, options: MeteringOptions = {}): Client {
  try {
    const resolved = { ...optionsFrom(process.env), ...options };
    const outcomes = surfaces.map((surface) => {
      const resource = field(client, ...surface.clientPath);
      return isObject(resource) ? meterCreate(resource, surface, resolved) : 'unfit';
    });
    if (outcomes.every((outcome) => outcome === 'unfit')) {
      warnOnce('meter.unfit', 'meter(): this is no OpenAI client; its calls are not metered');
    }
  } catch (error) {
    warnOnce('meter', 'meter(): could not instrument a client', error);
  }
  return client;
}
