import type { Command } from 'commander';
import { SpanledgerError } from '../errors.ts';
import type { Output, Paint } from '../terminal.ts';

export interface SimulateCommandParts {
  readonly stdout: Output;
  readonly paint: Paint;
  readonly readFile: (path: string) => Promise<string>;
  readonly onFailure: () => void;
}

export function addSimulateCommand(program: Command, parts: SimulateCommandParts): void {
  program
    .command('simulate')
    .description('run a story of prices, rules, plans and usage through the ledger, without any service')
    .argument('<scenario>', 'the story: a YAML or JSON file')
    .option('--json', 'print one JSON document, for programs')
    .addHelpText(
      'after',
      `
A scenario holds the sections prices, credits and plans of spanledger.yaml, customers, and steps: usage, deliver_again,
backfill, subscribe, change_plan, cancel, top_up, grant, adjust, authorise, heartbeat, settle, release, check,
price_correction, rules, plans, advance, close, statement. Any step may say what it expects. The clock moves only by
advance and close; nothing is stored, no network is used, and every run is like the one before.
Its format: collector/scenario.schema.json, which editors take by the first line
  # yaml-language-server: $schema=path/to/collector/scenario.schema.json
Exit code 0 if all is as expected, 1 if not, or if something is refused that the scenario does not expect to be; 2 if
the scenario has mistakes.

A small one:
  starts_at: 2026-11-01
  prices: { cards: [{ id: mine, match: { provider: house, model: small }, effective_from: 2026-01-01, rates: { input: 2, output: 8 } }] }
  credits: { default: { cost_plus: { target_margin: 0.5 } } }
  plans: { pro: { fee_usd: 49, allowance: 20000 } }
  customers: [{ id: acme, plan: pro }]
  steps:
    - usage: { customer: acme, feature: chat, provider: house, model: small, tokens: { input: 12000, output: 900 } }
      expect: { balances: { acme: { used: 26 } } }

Example:
  spanledger simulate test/scenarios/pro-overage.yaml`,
    )
    .action(async (path: string, { json }: { json?: boolean }) => {
      const text = await textOf(path, parts);
      // Only here: whoever starts the service needs neither the ledger nor the price lists in this process.
      const { readScenario } = await import('./read-scenario.ts');
      const { runScenario } = await import('./run.ts');
      const { printSimulation } = await import('./print-simulation.ts');
      const report = await runScenario(readScenario(text, path));
      if (json === true) parts.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
      else printSimulation(parts.stdout, report, parts.paint);
      if (report.expectations.unmet > 0) parts.onFailure();
    });
}

async function textOf(path: string, { readFile }: SimulateCommandParts): Promise<string> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new SpanledgerError('SL_SCENARIO_INVALID', `The file ${path} cannot be read: ${cause}`, { cause });
  }
}
