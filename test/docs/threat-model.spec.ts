import { existsSync, readFileSync } from 'node:fs';

describe('the threat model (SECURITY.md)', () => {
  it('names for every threat a test, and each of them exists', () => {
    const [, section = ''] = readFileSync('SECURITY.md', 'utf8').split('## Threat model');
    const rows = (section.split('\n## ')[0] ?? '').split('\n').filter((line) => line.startsWith('|'));
    const threats = rows.slice(2).map((row) => row.split('|').map((cell) => cell.trim()));
    expect(threats.length).toBeGreaterThan(12);
    for (const [, attacker, threat, mitigation, , tests = ''] of threats) {
      expect({ attacker, threat, mitigation }).toEqual({
        attacker: expect.stringMatching(/\w/),
        threat: expect.stringMatching(/\w/),
        mitigation: expect.stringMatching(/\w/),
      });
      const named = [...tests.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);
      expect(named.length).toBeGreaterThan(0);
      for (const name of named)
        expect({ name, exists: existsSync(`test/${name}.spec.ts`) }).toEqual({ name, exists: true });
    }
  });
});
