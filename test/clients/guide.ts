import { readFileSync } from 'node:fs';

/** What `collector/clients.md` shows to users of one client: its heading, and its program. */
export interface GuideSection {
  readonly heading: string;
  readonly language: string;
  readonly program: string;
}

const GUIDE = new URL('../../collector/clients.md', import.meta.url);
const SECTION = /^## (?<heading>.+)\n(?:(?!^## )[\s\S])*?^```(?<language>\w+)\n(?<program>[\s\S]*?)^```$/gm;

export const GUIDE_USER = 'reader';
export const GUIDE_PASSWORD = 'secret';
const GUIDE_PORT = '5433';

/** With the port where the ledger listens now. */
export function guideSections(port: number): GuideSection[] {
  return [...readFileSync(GUIDE, 'utf8').matchAll(SECTION)].map(({ groups }) => ({
    heading: groups?.heading ?? '',
    language: groups?.language ?? '',
    program: groups?.program?.replaceAll(GUIDE_PORT, String(port)) ?? '',
  }));
}
