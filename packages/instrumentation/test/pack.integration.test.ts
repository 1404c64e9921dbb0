import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type StandInProvider, startStandInProvider } from '../../../collector/src/demo/provider.ts';
import { startApp } from './run-app.ts';
import { startSink } from './sink.ts';

const repository = fileURLToPath(new URL('../../..', import.meta.url));
const installed = join(repository, 'node_modules');

const ESM_APP = `
import OpenAI from 'openai';
import { withAttribution } from '@spanledger/instrumentation';
const ai = new OpenAI({ apiKey: 'none', baseURL: process.env.PROVIDER_URL });
const messages = [{ role: 'user', content: 'hello' }];
await withAttribution({ customer: 'acme' }, () => ai.chat.completions.create({ model: 'packed', messages }));
`;
const CJS_APP = `
const OpenAI = require('openai');
const { withAttribution } = require('@spanledger/instrumentation');
const ai = new OpenAI({ apiKey: 'none', baseURL: process.env.PROVIDER_URL });
const messages = [{ role: 'user', content: 'hello' }];
withAttribution({ customer: 'acme' }, () => ai.chat.completions.create({ model: 'packed', messages }));
`;

/** Packs a workspace as `npm publish` would, `prepare` included, and unpacks it where an app would have it. */
function install(workspace: string, app: string): readonly string[] {
  const output = execFileSync('npm', ['pack', '--json', '--silent', '--pack-destination', app], {
    cwd: join(repository, 'packages', workspace),
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const tarball = /[\w.-]+\.tgz/.exec(output)?.[0];
  if (tarball === undefined) throw new Error(`npm pack told no file: ${output}`);
  const target = join(app, 'node_modules', '@spanledger', workspace);
  mkdirSync(target, { recursive: true });
  execFileSync('tar', ['-xzf', join(app, tarball), '-C', target, '--strip-components=1']);
  return readdirSync(target);
}

/** Lends an app the repository's copies of third-party packages, except the ones in `without`. */
function lend(app: string, without: readonly string[]): void {
  for (const name of readdirSync(installed)) {
    if (name.startsWith('.') || name === '@spanledger' || without.includes(name)) continue;
    symlinkSync(join(installed, name), join(app, 'node_modules', name));
  }
}

describe('the published package', () => {
  let provider: StandInProvider;
  let withSdk: string;
  let withoutSdk: string;
  let files: readonly string[];

  beforeAll(async () => {
    provider = await startStandInProvider();
    [withSdk, withoutSdk] = [newApp(), newApp()];
    for (const app of [withSdk, withoutSdk]) {
      install('semconv', app);
      files = install('instrumentation', app);
      writeFileSync(join(app, 'app.mjs'), ESM_APP);
      writeFileSync(join(app, 'app.cjs'), CJS_APP);
    }
    lend(withSdk, []);
    lend(withoutSdk, ['@opentelemetry']);
    mkdirSync(join(withoutSdk, 'node_modules', '@opentelemetry'));
    symlinkSync(
      join(installed, '@opentelemetry', 'api'),
      join(withoutSdk, 'node_modules', '@opentelemetry', 'api'),
    );
  }, 60_000);
  afterAll(async () => {
    await provider.close();
    for (const app of [withSdk, withoutSdk]) rmSync(app, { recursive: true, force: true });
  });

  const run = async (directory: string, app: string) => {
    const sink = await startSink();
    const env = { PROVIDER_URL: provider.url, SPANLEDGER_ENDPOINT: sink.url };
    const ended = await startApp(join(directory, app), env, {
      flags: ['--import', '@spanledger/instrumentation/register'],
      directory,
    }).ended;
    await sink.close();
    return { ...ended, raw: sink.raw() };
  };

  it('holds compiled code and nothing else', () => {
    expect(files.toSorted()).toEqual(['README.md', 'dist', 'package.json']);
  });

  it.each(['app.mjs', 'app.cjs'])('meters %s with one --import', async (app) => {
    const ended = await run(withSdk, app);
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(ended.raw).toContain('chat packed');
    expect(ended.raw).toContain('acme');
  });

  it.each(['app.mjs', 'app.cjs'])('says once what is missing when %s has no SDK, and runs', async (app) => {
    const ended = await run(withoutSdk, app);
    expect(ended).toMatchObject({ code: 0, raw: '' });
    expect(ended.stderr.match(/npm install @opentelemetry\/sdk-node/g)).toHaveLength(1);
  });
});

function newApp(): string {
  const app = mkdtempSync(join(tmpdir(), 'spanledger-app-'));
  mkdirSync(join(app, 'node_modules'));
  return app;
}
