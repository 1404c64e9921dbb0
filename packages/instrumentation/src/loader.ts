import { register as registerAsyncLoader } from 'node:module';
import { register as registerSyncLoader, supportsSyncHooks } from 'import-in-the-middle/register-hooks.mjs';
import { OPENAI_ENTRY_POINTS } from './openai/instrumentation.ts';
import { packageVersionOf } from './package-version.ts';
import { warnOnce } from './warn.ts';

/**
 * Lets `import-in-the-middle` see the ES modules we patch, and only those: wrapping everything costs start-up time and
 * breaks some packages. `require()` needs no loader; `require-in-the-middle` covers it.
 */
export function installModuleLoader(): void {
  if (!supportsSyncHooks()) {
    // Node before 22.22.3 and 24.11.1: the same loader, on a thread of its own.
    registerAsyncLoader('import-in-the-middle/hook.mjs', import.meta.url, {
      data: { include: [...OPENAI_ENTRY_POINTS] },
    });
    return;
  }
  const options = { include: [...OPENAI_ENTRY_POINTS], shouldInclude };
  registerSyncLoader(options);
}

/** openai 4 dies when a loader wraps it ("must import 'openai/shims/node' before"), so it is left alone. */
function shouldInclude(url: string, specifier: string): boolean {
  if (!OPENAI_ENTRY_POINTS.includes(specifier)) return false;
  const version = packageVersionOf(url, 'openai');
  if (version === undefined || Number.parseInt(version, 10) >= 5) return true;
  warnOnce('openai.old', `openai ${version} cannot be instrumented on import; use meter(client)`);
  return false;
}
