import { describe, expect, it } from 'vitest';
import { settingsOfOptions } from './startup.ts';

describe('settings within the startup option', () => {
  it.each<[string, readonly (readonly [string, string])[]]>([
    ['-c statement_timeout=5s', [['statement_timeout', '5s']]],
    [
      '-cgeqo=off --search-path=a,b',
      [
        ['geqo', 'off'],
        ['search_path', 'a,b'],
      ],
    ],
    [String.raw`-c application_name=two\ words\\`, [['application_name', 'two words\\']]],
    ['-d 5 nonsense -c', []],
    ['', []],
  ])('%s', (options, settings) => {
    expect(settingsOfOptions(options)).toEqual(settings);
  });
});
