import { describe, expect, it } from 'vitest';
import { DEFAULT_LIMITS } from '../limits.ts';
import { Settings } from './settings.ts';

function settings(overrides: Record<string, string> = {}): Settings {
  return new Settings(overrides, DEFAULT_LIMITS);
}

describe('settings', () => {
  it.each([
    ['DateStyle', 'iso', 'ISO, MDY'],
    ['datestyle', 'ISO,DMY', 'ISO, DMY'],
    ['client_encoding', 'utf-8', 'UTF8'],
    ['client_encoding', 'SQL_ASCII', 'SQL_ASCII'],
    ['timezone', 'europe/berlin', 'Europe/Berlin'],
    ['timezone', '+2', '<+02>-02'],
    ['timezone', 'Etc/UTC', 'UTC'],
    ['statement_timeout', '1.5s', '1500'],
    ['statement_timeout', '250', '250'],
    ['row_security', 'FALSE', 'off'],
    ['my.own', 'anything', 'anything'],
  ])('%s may be %s, which is kept as %s', (name, value, kept) => {
    const all = settings();
    all.set(name, value, 'session');
    expect(all.show(name)).toBe(kept);
  });

  it.each([
    ['DateStyle', 'German', '22023'],
    ['client_encoding', 'LATIN1', '22023'],
    ['standard_conforming_strings', 'off', '22023'],
    ['IntervalStyle', 'iso_8601', '22023'],
    ['bytea_output', 'escape', '22023'],
    ['TimeZone', 'Mars/Base', '22023'],
    ['statement_timeout', 'soon', '22023'],
    ['server_version', '16', '55P02'],
    ['session_authorization', 'admin', '55P02'],
    ['nonsense', 'x', '42704'],
  ])('%s may not be %s, because answers would not be what it promises', (name, value, code) => {
    expect(() => settings().set(name, value, 'session')).toThrow(expect.objectContaining({ code }));
  });

  it('times are written in the zone of the session, which may be a fixed one', () => {
    const all = settings();
    all.set('timezone', '+5.5', 'session');
    expect(all.zone.offsetSeconds(0)).toBe(19_800);
    all.set('timezone', 'Europe/Berlin', 'session');
    expect(all.zone.offsetSeconds(1_782_907_200)).toBe(7_200);
  });

  it('what is returned to is what it was, and what is local ends', () => {
    const all = settings();
    all.set('application_name', 'a', 'session');
    const before = all.at();
    all.set('application_name', 'b', 'session');
    all.set('application_name', 'c', 'local');
    expect(all.show('application_name')).toBe('c');
    all.endLocal();
    expect(all.show('application_name')).toBe('b');
    all.returnTo(before);
    expect(all.show('application_name')).toBe('a');
    all.reset('all');
    expect(all.show('application_name')).toBe('');
  });

  it('a reset returns to what the client began with', () => {
    const all = settings();
    all.start('application_name', 'psql');
    all.set('application_name', 'x', 'session');
    all.reset('application_name');
    expect(all.show('application_name')).toBe('psql');
  });

  it('only changes that clients rely on are told, and once', () => {
    const all = settings();
    expect(all.takeUntold().map(([name]) => name)).toContain('server_version');
    all.set('application_name', 'x', 'session');
    all.set('search_path', 'y', 'session');
    expect(all.takeUntold()).toEqual([['application_name', 'x']]);
    expect(all.takeUntold()).toEqual([]);
  });

  it('a server gives defaults and names of its own', () => {
    const all = settings({ server_version: '16.3', max_rows: '100' });
    expect([all.show('server_version'), all.show('server_version_num'), all.show('max_rows')]).toEqual([
      '16.3',
      '160003',
      '100',
    ]);
  });

  it('a session keeps a bounded number of names', () => {
    const all = settings();
    expect(() => {
      for (let i = 0; i < 1_000; i++) all.set(`my.${i}`, 'x', 'session');
    }).toThrow(expect.objectContaining({ code: '53400' }));
  });
});
