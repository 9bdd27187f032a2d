/*
 * The import `session-ledger/verify`: checks what a ledger says of itself, offline. It needs no Nest, no TypeORM, no pg and no network.
 */
export {
  verifyLog,
  unreadableLeaf,
  type LeafStretch,
  type ListedCheckpoint,
  type LogUnderTest,
  type LogVerdict,
  type Oddity,
  type VerifierTrust,
} from './seal/verifier.js';
export { logInDirectory } from './seal/verify-directory.js';
export { verifyTlogProof, type VerifiedTlogProof } from './seal/tlog-proof.js';
export { leafHash } from './seal/merkle.js';
export { parseVerifierKey, type VerifierKey } from './seal/note-key.js';
export { verifyEvidence, type EvidenceVerdict } from './seal/verify-evidence.js';
export {
  type DisclosedClient,
  type DisclosedUser,
  type Disclosure,
  type EvidenceFile,
  type ProvableAnswer,
} from './seal/verify-evidence-file.js';
