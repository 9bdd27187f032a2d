// Fails on any known vulnerability, of whatever severity, in what users install, unless audit-exceptions.json says under
// the advisory's id (GHSA-...) why it does not concern this package. Exit code 77: the registry gave no advisories.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const exceptions = JSON.parse(readFileSync(new URL('./audit-exceptions.json', import.meta.url), 'utf8'));
const { stdout } = spawnSync('npm', ['audit', '--omit=dev', '--json'], { encoding: 'utf8' });
const report = JSON.parse(stdout);

if (report.vulnerabilities === undefined) {
  const reason = report.statusCode ? `HTTP ${report.statusCode}` : 'no reason given';
  console.log(`the registry gave no advisories (${reason})`);
  process.exitCode = 77;
} else {
  const advisories = advisoriesIn(report);
  for (const { id, severity, name, range, title } of advisories)
    console.log(`${severity}: ${name} ${range}: ${title} (${id}): ${exceptions[id] ?? 'not explained'}`);
  process.exitCode = advisories.every(({ id }) => exceptions[id] !== undefined) ? 0 : 1;
}

/** Each advisory once; packages that are concerned only through others name those instead. */
function advisoriesIn({ vulnerabilities }) {
  const found = Object.values(vulnerabilities)
    .flatMap(({ via }) => via)
    .filter((via) => typeof via === 'object');
  const byId = found.map((advisory) => [advisory.url.split('/').at(-1), advisory]);
  return [...new Map(byId)].map(([id, advisory]) => ({ id, ...advisory }));
}
