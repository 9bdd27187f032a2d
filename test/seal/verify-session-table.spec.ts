import fc from 'fast-check';
import { idWords, SessionTable } from '../../src/seal/verify-session-table.js';

describe('the table of where sessions stand', () => {
  it('says of each session what was said of it last, through any number of openings and ends', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(12_000), fc.boolean()), { minLength: 20_000, maxLength: 40_000 }),
        (steps) => {
          const table = new SessionTable();
          const expected = new Map<number, number>();
          const differing: number[] = [];
          const compare = (session: number): void => {
            const [slot, step] = [table.find(idOf(session)), expected.get(session)];
            const state = slot < 0 ? undefined : stateOf(table, slot);
            if (String(state) !== String(step === undefined ? undefined : stateAfter(step))) differing.push(session);
          };
          for (const [step, [session, ends]] of steps.entries()) {
            compare(session);
            const id = idOf(session);
            const slot = table.find(id);
            if (!ends) {
              put(table, slot < 0 ? table.add(id) : slot, step);
              expected.set(session, step);
            } else if (slot >= 0) {
              table.remove(id, slot);
              expected.delete(session);
            }
          }
          for (const session of expected.keys()) compare(session);
          expect(differing).toEqual([]);
          table.clear();
          expect([...expected.keys()].filter((session) => table.find(idOf(session)) >= 0)).toEqual([]);
        },
      ),
      { numRuns: 3 },
    );
  });
});

/** Ids that share many of their words, and with them many of their places. */
function idOf(session: number): Int32Array {
  return Int32Array.from({ length: idWords }, (_, word) => (word >= idWords - 2 ? session % (word * 50) : session));
}

function put(table: SessionTable, slot: number, step: number): void {
  table.setLatest(slot, step, step + 0.25, Number.NaN);
  table.setTerms(slot, step + 0.5, Number.POSITIVE_INFINITY);
  table.setOwner(slot, `owner ${step}`);
}

function stateOf(table: SessionTable, slot: number): unknown[] {
  const times = [table.occurredAt(slot), table.expiresAt(slot), table.absoluteExpiresAt(slot)];
  return [table.sessionSeq(slot), ...times, table.idleMicroseconds(slot), table.owner(slot)];
}

function stateAfter(step: number): unknown[] {
  return [step, step + 0.25, Number.NaN, step + 0.5, Number.POSITIVE_INFINITY, `owner ${step}`];
}
