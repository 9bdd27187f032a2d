import { ApiProperty } from '@nestjs/swagger';
import type { ProofOfEvent } from '../seal/proof-of-event.js';
import type {
  DisclosedClient,
  DisclosedUser,
  Disclosure,
  EvidenceFile,
  ProvableAnswer,
  ProvenEvidence,
  ProvenImpersonation,
  ProvenLeaf,
  ProvenRange,
  ProvenSession,
} from '../seal/verify-evidence-file.js';
import type { InJson } from './in-json.js';
import { ClientAnswer, CoveredApplicationAnswer, UserInRealmAnswer } from './login-state-answer.dto.js';

const hashExample = 'n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=';
const leafExample = '{"application":"web","kind":"created","seq":"1234","v":1}';
/** A signed checkpoint, as the description of the API shows it. */
export const noteExample = `ledger.example/1f2e3d4c\n2048\n${hashExample}\n\n— ledger.example/1f2e3d4c m2x9Yw==\n`;

/** What convinces an outsider that an event is in the ledger. */
export class ProofOfEventAnswer implements InJson<ProofOfEvent> {
  /** @example 1234 */
  seq!: number;
  /**
   * Index of the leaf in the tree, from 0 on.
   * @example 1233
   */
  index!: number;
  /** The canonical JSON of the event; its UTF-8 bytes are the leaf. */
  @ApiProperty({ example: leafExample })
  leaf!: string;
  /** A `tlog-proof@v1` file, with the signed checkpoint in it. */
  @ApiProperty({ example: `c2sp.org/tlog-proof@v1\nindex 1233\n${hashExample}\n\n${noteExample}` })
  proof!: string;
}

/** A leaf, and that it is one of the tree under the checkpoint. */
export class ProvenLeafAnswer implements InJson<ProvenLeaf> {
  /**
   * Its place in the tree, from 0 on.
   * @example 1233
   */
  index!: number;
  /** The canonical JSON of the event; its UTF-8 bytes are the leaf. */
  @ApiProperty({ example: leafExample })
  leaf!: string;
  /**
   * The audit path (RFC 6962, 2.1.1), each hash in Base64.
   * @example ['n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=']
   */
  proof!: string[];
}

/** Leaves that follow each other without a gap, where it is to be seen that something did not happen. */
export class ProvenRangeAnswer implements InJson<ProvenRange> {
  /**
   * Place of the first one.
   * @example 0
   */
  first!: number;
  @ApiProperty({ example: [leafExample] })
  leaves!: string[];
  /**
   * The hashes beside the range, in Base64.
   * @example ['n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=']
   */
  proof!: string[];
}

const saltExample = '5f2d1c0b9a8877665544332211000f0e';

/** Who the user is: the leaves hold SHA-256(salt || canonical JSON of the value). */
export class DisclosedUserAnswer implements InJson<Disclosure<DisclosedUser>> {
  value!: UserInRealmAnswer;
  /** Hex, 16 bytes. */
  @ApiProperty({ example: saltExample })
  salt!: string;
}

/** Where a session was used from: the leaves hold SHA-256(salt || canonical JSON of the value). */
export class DisclosedClientAnswer implements InJson<Disclosure<DisclosedClient>> {
  value!: ClientAnswer;
  /** Hex, 16 bytes. */
  @ApiProperty({ example: saltExample })
  salt!: string;
}

/** A session that was live at the instant, as its events tell it. */
export class ProvenSessionAnswer implements InJson<ProvenSession> {
  /** @example '019cb6d4-1f9a-7c41-9d3e-5b1f6f6a2b0e' */
  sessionId!: string;
  /** @example 'web' */
  application!: string;
  /** @example '2026-03-04T01:50:12.103442Z' */
  createdAt!: string;
  /**
   * The deadline that held then.
   * @example '2026-03-04T03:11:40.512007Z'
   */
  liveUntil!: string;
  /** @example '2026-03-04T02:11:40.512007Z' */
  lastUseAtOrBefore!: string;
  /** Null where no request said it, and where it is not disclosed. */
  client!: ClientAnswer | null;
}

/** A session that was live at the instant, in which somebody else acted as the user. */
export class ProvenImpersonationAnswer extends ProvenSessionAnswer implements InJson<ProvenImpersonation> {
  /**
   * By their subject id, as the leaf has it.
   * @example '019cb6d4-2a11-7d02-8a64-0c9e5b7d1f23'
   */
  actorId!: string;
}

/** An event that the answer rests on. */
export class ProvenEvidenceAnswer implements InJson<ProvenEvidence> {
  /** @example 1234 */
  seq!: number;
  /** @example 'created' */
  kind!: string;
  /** @example '2026-03-04T01:50:12.103442Z' */
  occurredAt!: string;
  /** @example '2026-03-04T01:50:12.103981Z' */
  recordedAt!: string;
}

/** The answer, as far as events tell it: nothing stands in it that cannot be worked out anew from the leaves. */
export class ProvenStateAnswer implements InJson<ProvableAnswer> {
  /** @example 'alice' */
  userId!: string;
  /** @example 'default' */
  realm!: string;
  /** @example '2026-03-04T02:14:00.000000Z' */
  at!: string;
  /** @example 'logged_in' */
  answer!: ProvableAnswer['answer'];
  /** Why it is unknown. */
  reason!: ProvableAnswer['reason'];
  /** The applications the answer covers. */
  applications!: CoveredApplicationAnswer[];
  /** The user's own; the newest first. */
  sessions!: ProvenSessionAnswer[];
  /** @example [] */
  impersonations!: ProvenImpersonationAnswer[];
  /** In the order of the ledger. */
  evidence!: ProvenEvidenceAnswer[];
}

/** An answer and all that an outsider needs to check it (docs/auditor.md). */
export class EvidenceFileAnswer implements InJson<EvidenceFile> {
  /** @example 'session-ledger-evidence@v1' */
  format!: 'session-ledger-evidence@v1';
  /**
   * What such a file proves, and what it does not, in words.
   * @example 'These events are in the ledger under the signed checkpoint, and by them the user was logged in.'
   */
  says!: string;
  answer!: ProvenStateAnswer;
  /** The signed note. */
  @ApiProperty({ example: noteExample })
  checkpoint!: string;
  /** Events that are needed one by one. */
  events!: ProvenLeafAnswer[];
  /** Null where nothing has to be seen not to have happened. */
  @ApiProperty({ example: null })
  range!: ProvenRangeAnswer | null;
  /** Null where nothing about the user is proven. */
  subject!: DisclosedUserAnswer | null;
  /** The clients that are named in the answer. */
  clients!: DisclosedClientAnswer[];
}
