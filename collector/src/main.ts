import { readFile } from 'node:fs/promises';
import { enableCompileCache } from 'node:module';
import { constants, getPriority, setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';
import { SpanledgerError } from './errors.ts';
import { useJoinedPackages } from './joined-packages.ts';
import type { FromLedger, ToLedger } from './messages.ts';

/**
 * The one program: the service, its ledger process, and the commands. Only this file reads the environment, signals
 * and the arguments.
 */
const LEDGER_ROLE = 'ledger-process';
/** Posting can wait a moment; whoever sends spans or is about to call a model should not. */
const NICER_BY = 5;
/** What a shell says of a program that SIGPIPE has ended. Node ignores the signal and tells of EPIPE instead. */
const ENDED_BY_SIGPIPE = 128 + 13;

// Before anything else is loaded: reading the sources takes most of the time of a command, the first time.
const { directory: compiled } = enableCompileCache();
// For the thread of the API and the ledger process too, from their first line on.
if (compiled !== undefined) process.env.NODE_COMPILE_CACHE ??= compiled;
useJoinedPackages();

if (process.argv[2] === LEDGER_ROLE && process.send !== undefined) await beLedgerProcess();
else await beCommand();

async function beCommand(): Promise<void> {
  // Whoever reads the output has seen enough (`| head`).
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(ENDED_BY_SIGPIPE);
    throw error;
  });
  const { buildCli } = await import('./cli.ts');
  const cli = buildCli({
    environment: process.env,
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    readFile: (path) => readFile(path, 'utf8'),
    ledgerProgram: {
      module: fileURLToPath(import.meta.url),
      args: [LEDGER_ROLE],
      execArgv: process.execArgv.filter((argument) => !argument.startsWith('--watch')),
    },
    // The first signal asks for a clean end, the second one ends at once.
    onStopSignal(listener) {
      let asked = false;
      for (const signal of ['SIGTERM', 'SIGINT'] as const) {
        process.on(signal, () => {
          if (asked) process.exit(1);
          asked = true;
          listener(signal);
        });
      }
    },
    onReloadSignal(listener) {
      process.on('SIGHUP', listener);
    },
  });
  process.exitCode = await cli.run(process.argv.slice(2));
}

async function beLedgerProcess(): Promise<void> {
  // Before the engine and the pool start their threads, which inherit it.
  setPriority(Math.min(getPriority() + NICER_BY, constants.priority.PRIORITY_LOW));
  // A terminal sends its signals to both processes; the main process decides when this one ends.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => {});
  process.on('SIGHUP', () => {});
  // Without the main process nobody follows: end at once and let go of the ledger file.
  process.on('disconnect', () => process.exit(1));
  const send = (message: FromLedger) =>
    new Promise<void>((resolve) => process.send?.(message, () => resolve()));
  try {
    const messages: ToLedger[] = [];
    let listener: ((message: ToLedger) => void) | null = null;
    const start = await new Promise<Extract<ToLedger, { type: 'start' }>>((resolve) => {
      // The channel carries nothing but ToLedger: both ends are this program.
      process.on('message', (message: ToLedger) => {
        if (message.type === 'start') resolve(message);
        else if (listener === null) messages.push(message);
        else listener(message);
      });
    });
    // Only here: the main process and the commands neither need DuckDB nor the price lists.
    const { runLedgerProcess } = await import('./ledger-process.ts');
    await runLedgerProcess(start, {
      send: (message) => void send(message),
      onMessage(next) {
        listener = next;
        for (const message of messages.splice(0)) next(message);
      },
    });
    process.exit(0);
  } catch (error) {
    const code = error instanceof SpanledgerError ? error.code : 'SL_INTERNAL';
    const message = error instanceof Error ? error.message : String(error);
    if (code === 'SL_INTERNAL') console.error(error);
    await send({ type: 'fatal', code, message });
    process.exit(1);
  }
}
