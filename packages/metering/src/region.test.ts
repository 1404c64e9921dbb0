import { describe, expect, it } from 'vitest';
import { regionOfHost, regionOfModelPath } from './region.ts';

describe('the region of a host', () => {
  it.each([
    ['us-east5-aiplatform.googleapis.com', 'us-east5'],
    ['https://europe-west1-aiplatform.googleapis.com:443/v1/projects/p', 'europe-west1'],
    ['aiplatform.googleapis.com', 'global'],
    ['aiplatform.eu.rep.googleapis.com', 'eu'],
    ['eu.api.openai.com', 'eu'],
    ['https://US.api.openai.com/v1/', 'us'],
  ])('%s is %s', (host, region) => {
    expect(regionOfHost(host)).toBe(region);
  });

  it.each([
    'api.openai.com',
    'api.openai.com.evil.example',
    'proxy.example/eu.api.openai.com',
    'bedrock-runtime.us-east-1.amazonaws.com',
    'my-eu.openai.azure.com',
    'generativelanguage.googleapis.com',
    '127.0.0.1',
    '',
  ])('is not told by %s', (host) => {
    expect(regionOfHost(host)).toBeNull();
  });
});

describe('the region in the full name of a model', () => {
  it('is its location', () => {
    const name = 'projects/p/locations/us-east5/publishers/anthropic/models/claude-sonnet-4-5';
    expect(regionOfModelPath(name)).toBe('us-east5');
    expect(regionOfModelPath('publishers/google/models/gemini-2.5-pro')).toBeNull();
  });
});
