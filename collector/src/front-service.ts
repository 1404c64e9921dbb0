import { buildFront } from './api/front.ts';
import { Known } from './api/known.ts';
import { readConfig, readServiceConfig } from './config.ts';
import { SpanledgerError } from './errors.ts';
import { listen } from './listen.ts';
import { createLogger } from './log.ts';
import type { FromFront, FrontStart, ToFront } from './messages.ts';

/** The main process as this thread sees it. */
interface Channel {
  send(message: FromFront): void;
  onMessage(listener: (message: ToFront) => void): void;
}

/**
 * Serves the API to the world. A thread of its own, because the receiver inflates and checks bodies for milliseconds at
 * a time, and collects their garbage: whoever is about to call a model would wait behind them for the answer to a check.
 */
export function runFront({ configText, environment }: FrontStart, channel: Channel): void {
  const config = readServiceConfig(configText, environment);
  const log = createLogger(config.log_level, 'api');
  const { host } = config.listen;
  let ledgerPort: number | null = null;

  const known = new Known({
    ask: (id, question) => channel.send({ type: 'ask', id, question }),
    forget: (customers) => channel.send({ type: 'forget', customers }),
    rules: config.rules,
    nowMillis: Date.now,
  });
  const server = buildFront({
    known,
    ledger: () => (ledgerPort === null ? null : { host, port: ledgerPort }),
    onSurprise: (error) => log.error({ err: error }, 'a request failed in a way that it should not'),
  });

  channel.onMessage((message) => {
    switch (message.type) {
      case 'listen':
        void open(message.port);
        return;
      case 'ledger':
        ledgerPort = message.port;
        if (ledgerPort === null) known.lose();
        else known.startOver();
        return;
      case 'reply':
        known.hearReply(message.id, message.reply);
        return;
      case 'news':
        known.hearNews(message.news);
        return;
      case 'reload':
        // It has been read once: what is wrong about it was told then.
        known.useRules(readConfig(message.configText, environment).rules);
        return;
      case 'close':
        void server.close().then(() => process.exit(0));
        return;
    }
  });

  async function open(before: number | null): Promise<void> {
    try {
      const port = await listen(server, host, before ?? config.listen.api_port, 'listen.api_port');
      channel.send({ type: 'listening', port });
    } catch (error) {
      if (!(error instanceof SpanledgerError)) throw error;
      channel.send({ type: 'failed', code: error.code, message: error.message });
    }
  }
}
