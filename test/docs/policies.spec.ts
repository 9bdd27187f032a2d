import { readEnvironment } from '../../src/environment.js';
import { resolvePolicy, type PolicyOption } from '../../src/session/policy.js';
import { blocksFor } from './exercised-blocks.js';

describe('the policies that the guide for operators shows', () => {
  it('are taken, and are the policies that the text says they are', () => {
    const lines = blocksFor('test/docs/policies.spec.ts', 'docs/operator.md').flatMap(({ text }) =>
      text.trim().split('\n'),
    );
    const policies = lines.map((line) => {
      const { name = '', value } = /^(?<name>\w+)='(?<value>.*)'$/.exec(line)?.groups ?? {};
      return resolvePolicy(readEnvironment({ [name]: value }).policy.option as PolicyOption);
    });
    expect(policies).toMatchObject([
      { name: 'pci-dss-4', idleSeconds: 600, maxConcurrent: 2, onLimit: 'refuse', source: 'tightened' },
      { name: 'owasp-asvs-l3', idleSeconds: 7200, source: 'loosened' },
      { name: 'kiosk', idleSeconds: 120, absoluteSeconds: 3600, source: 'custom' },
    ]);
  });
});
