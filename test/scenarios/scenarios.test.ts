import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readScenario } from '../../collector/src/simulate/read-scenario.ts';
import type { ScenarioReport } from '../../collector/src/simulate/report.ts';
import { runScenario } from '../../collector/src/simulate/run.ts';
import type { Scenario } from '../../collector/src/simulate/scenario.ts';
import { credits, unbalanced } from './balances.ts';
import { type Draw, drawnFrom, rearranged } from './rearranged.ts';

/**
 * The stories of this folder, each run through the real ledger. Everything that is printed by `simulate --json` is
 * compared with what is committed; after a change that is meant, write it anew with `vitest -u` and read the difference.
 */
const FOLDER = fileURLToPath(new URL('.', import.meta.url));
const NAMES = readdirSync(FOLDER)
  .filter((file) => file.endsWith('.yaml'))
  .map((file) => file.slice(0, -'.yaml'.length));

const scenarios = new Map<string, Scenario>();
const reports = new Map<string, ScenarioReport>();

function scenarioOf(name: string): Scenario {
  const known = scenarios.get(name);
  if (known !== undefined) return known;
  const scenario = readScenario(readFileSync(`${FOLDER}${name}.yaml`, 'utf8'), `${name}.yaml`);
  scenarios.set(name, scenario);
  return scenario;
}

async function reportOf(name: string): Promise<ScenarioReport> {
  const known = reports.get(name);
  if (known !== undefined) return known;
  const report = await runScenario(scenarioOf(name));
  reports.set(name, report);
  return report;
}

function sum(amounts: readonly bigint[]): bigint {
  return amounts.reduce((total, amount) => total + amount, 0n);
}

it('there are stories to run', () => {
  expect(NAMES.length).toBeGreaterThanOrEqual(20);
});

describe.each(NAMES)('%s', (name) => {
  it('is as it expects, and as it was', async () => {
    const report = await reportOf(name);
    expect(report.steps.flatMap(({ unmet }) => unmet)).toEqual([]);
    expect(report.expectations.met).toBeGreaterThan(0);
    await expect(`${JSON.stringify(report, null, 2)}\n`).toMatchFileSnapshot(`${FOLDER}${name}.out.json`);
  });

  it('I2, I4: accounts add up after every step', async () => {
    const report = await reportOf(name);
    expect(report.steps.flatMap(({ balances }) => Object.keys(balances))).not.toEqual([]);
    expect(unbalanced(report)).toEqual([]);
  });

  it('I5: what is used is the sum over features, over users and over models', async () => {
    const { steps, statements } = await reportOf(name);
    const all = [...steps.flatMap(({ statement }) => statement ?? []), ...statements];
    for (const statement of all) {
      for (const rows of [statement.by_feature, statement.by_user, statement.by_model]) {
        expect(sum(rows.map((row) => credits(row.credits)))).toBe(credits(statement.used));
      }
    }
  });
});

describe('however usage arrives', () => {
  const aName = fc.constantFrom(...NAMES);

  it('I6: another order, other batches and copies end in the same statements', async () => {
    let moved = 0;
    await fc.assert(
      fc.asyncProperty(aName, fc.integer({ min: 1 }), async (name, seed) => {
        const report = await reportOf(name);
        const other = rearranged(scenarioOf(name), report, drawnFrom(seed));
        moved += other.moved;
        const { statements } = await runScenario(other.scenario);
        expect(statements).toEqual(report.statements);
      }),
      { numRuns: 120 },
    );
    expect(moved, 'spans that arrived in another step').toBeGreaterThan(30);
  });

  it('I7: a ledger that is restarted between steps ends in the same statements', async () => {
    let restarts = 0;
    await fc.assert(
      fc.asyncProperty(aName, fc.integer({ min: 1 }), async (name, seed) => {
        const report = await reportOf(name);
        const scenario = scenarioOf(name);
        const draw = drawnFrom(seed);
        const restartsBefore = drawnSteps(scenario, draw);
        restarts += restartsBefore.size;
        const { scenario: other } = rearranged(scenario, report, draw);
        const { statements } = await runScenario(other, { restartsBefore });
        expect(statements).toEqual(report.statements);
      }),
      { numRuns: 60 },
    );
    expect(restarts).toBeGreaterThan(50);
  });

  it('every run gives the same report', async () => {
    for (const name of NAMES.slice(0, 3)) {
      expect(await runScenario(scenarioOf(name))).toEqual(await reportOf(name));
    }
  });
});

function drawnSteps({ steps }: Scenario, draw: Draw): ReadonlySet<number> {
  return new Set(steps.flatMap((_, index) => (draw(3) === 0 ? [index] : [])));
}
