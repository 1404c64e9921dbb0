import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readScenario } from '../../collector/src/simulate/read-scenario.ts';
import { runScenario } from '../../collector/src/simulate/run.ts';
import { unbalanced } from './balances.ts';
import { drawnStory } from './drawn-story.ts';
import { drawnFrom, rearranged } from './rearranged.ts';

const RUNS = { numRuns: 12 };
const aSeed = fc.integer({ min: 1 });

describe('a story that nobody has thought of', () => {
  it('I2, I4: has accounts that add up after every step', async () => {
    await fc.assert(
      fc.asyncProperty(aSeed, async (seed) => {
        const report = await runScenario(readScenario(drawnStory(drawnFrom(seed)), 'story.json'));
        expect(unbalanced(report)).toEqual([]);
      }),
      RUNS,
    );
  });

  it('I7: ends in the same statements, whenever the ledger is restarted', async () => {
    await fc.assert(
      fc.asyncProperty(aSeed, async (seed) => {
        const draw = drawnFrom(seed);
        const scenario = readScenario(drawnStory(draw), 'story.json');
        const { statements } = await runScenario(scenario);
        const restartsBefore = new Set(scenario.steps.flatMap((_, index) => (draw(4) === 0 ? [index] : [])));
        const restarted = await runScenario(scenario, { restartsBefore });
        expect(restarted.statements).toEqual(statements);
      }),
      RUNS,
    );
  });

  it('I6: ends in the same statements, in whichever order and batches usage arrives', async () => {
    await fc.assert(
      fc.asyncProperty(aSeed, async (seed) => {
        const draw = drawnFrom(seed);
        const scenario = readScenario(drawnStory(draw), 'story.json');
        const report = await runScenario(scenario);
        const other = await runScenario(rearranged(scenario, report, draw).scenario);
        expect(other.statements).toEqual(report.statements);
      }),
      RUNS,
    );
  });
});
