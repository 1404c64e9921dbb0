import { claudeCode } from './claude-code.ts';
import { codexCli } from './codex-cli.ts';
import type { LogDialect } from './dialect.ts';
import { geminiCli } from './gemini-cli.ts';

/** Every dialect of log events that bill. The names of their events are their own, so the order decides nothing. */
export const LOG_DIALECTS: readonly LogDialect[] = [claudeCode, codexCli, geminiCli];
