import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { canonicalEvent, type EventColumns } from '../../src/ledger/canonical-event.js';
import { canonicalJson, type JsonValue } from '../../src/ledger/canonical-json.js';
import { leafHash } from '../../src/seal/merkle.js';
import { anyColumns } from './any-columns.js';

interface LeafVector {
  says: string;
  columns: EventColumns;
  leaf: string;
  leafHash: string;
}

const vectors = JSON.parse(readFileSync(join(import.meta.dirname, 'vectors', 'leaves.json'), 'utf8')) as LeafVector[];

describe('the canonical bytes of an event', () => {
  it.each(vectors)('are the same for ever: $says', ({ columns, leaf, leafHash: expected }) => {
    expect(canonicalEvent(columns)).toBe(leaf);
    expect(leafHash(Buffer.from(leaf)).toString('hex')).toBe(expected);
  });

  it('are the RFC 8785 JSON of every column that is not null', () => {
    fc.assert(
      fc.property(anyColumns(), (columns) => {
        const { detail, ...others } = columns;
        const facts = Object.fromEntries(Object.entries(others).filter(([, value]) => value !== null));
        const parsed: Record<string, JsonValue> = detail === null ? {} : { detail: JSON.parse(detail) as JsonValue };
        expect(canonicalEvent(columns)).toBe(canonicalJson({ ...facts, ...parsed, v: 1 }));
      }),
    );
  });

  it('differ whenever any column differs', () => {
    const { columns } = vectors[0]!;
    const others = Object.keys(columns).map((name) => canonicalEvent(changed(columns, name as keyof EventColumns)));
    expect(new Set([canonicalEvent(columns), ...others]).size).toBe(1 + others.length);
  });

  it('carry a number beyond the range of doubles as text, so that no event is beyond sealing', () => {
    const huge = `{"n": 1${'0'.repeat(400)}}`;
    expect(JSON.parse(canonicalEvent({ ...vectors[0]!.columns, detail: huge }))).toMatchObject({ detailText: huge });
  });
});

function changed(columns: EventColumns, name: keyof EventColumns): EventColumns {
  const value = columns[name];
  const other: Partial<Record<keyof EventColumns, unknown>> = {
    [name]: name === 'detail' ? '{"a": "other"}' : typeof value === 'number' ? value + 1 : `${value ?? ''}1`,
  };
  return { ...columns, ...(other as Partial<EventColumns>) };
}
