/** One measured number, and the goal it is held against, if there is one. */
export interface Finding {
  /** What was measured, in words: `recorded uses, 100 per batch`. */
  what: string;
  value: number;
  unit: string;
  goal?: Goal;
  /** How it came about, where the number alone would mislead. */
  note?: string;
}

export type Goal = { atLeast: number } | { atMost: number };

/** What was to be measured, and why it was not: silence would pass for a goal that is met. */
export interface NotMeasured {
  what: string;
  notMeasured: string;
  goal?: Goal;
}

export function isMeasured(finding: Finding | NotMeasured): finding is Finding {
  return 'value' in finding;
}

export function isMet({ value, goal }: Finding): boolean | undefined {
  if (goal === undefined) return undefined;
  return 'atLeast' in goal ? value >= goal.atLeast : value <= goal.atMost;
}

/** One line: what, number, unit, goal, met or not. */
export function lineOf(finding: Finding | NotMeasured): string {
  const parts = isMeasured(finding)
    ? [`${shown(finding.value)} ${finding.unit}`, verdictOf(finding), finding.note ?? '']
    : [`not measured: ${finding.notMeasured}`, verdictOf(finding)];
  return [finding.what, ...parts].filter((part) => part !== '').join(' · ');
}

/** `goal: at least 60,000: met`, or nothing where no goal was set. */
function verdictOf(finding: Finding | NotMeasured): string {
  if (finding.goal === undefined) return '';
  const [word, bound] =
    'atLeast' in finding.goal ? ['at least', finding.goal.atLeast] : ['at most', finding.goal.atMost];
  return `goal: ${word} ${shown(bound)}: ${stateOf(finding)}`;
}

function stateOf(finding: Finding | NotMeasured): 'met' | 'not met' | 'open' {
  if (!isMeasured(finding)) return 'open';
  return isMet(finding) ? 'met' : 'not met';
}

/** Whole numbers from 100 up, two decimals below: what a reader compares at a glance. */
export function shown(value: number): string {
  const digits = Math.abs(value) >= 100 || Number.isInteger(value) ? 0 : 2;
  return value.toLocaleString('en-US', { maximumFractionDigits: digits, minimumFractionDigits: digits });
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The value that `share` of the values do not exceed; NaN of none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** Prints findings for the reader, and hands them to the process that collects them, if one does. */
export function report(findings: readonly (Finding | NotMeasured)[]): void {
  for (const finding of findings) console.log(lineOf(finding));
  process.send?.(findings);
}
