import type { Modality, OnLimit, PolicyClause } from './policy-clause.js';

/** A preset: limits, and for each the clause it rests on. */
interface PolicyPreset {
  readonly idleSeconds: number | null;
  readonly absoluteSeconds: number;
  readonly maxConcurrent?: number;
  readonly onLimit?: OnLimit;
  readonly clauses: readonly PolicyClause[];
}

const minutes = 60;
const hours = 3_600;
const days = 86_400;

const idle = (modality: Modality, clause: string): PolicyClause => ({ limit: 'idleSeconds', clause, modality });
const absolute = (modality: Modality, clause: string): PolicyClause => ({ limit: 'absoluteSeconds', clause, modality });

const owaspExpiration = 'OWASP Session Management Cheat Sheet, Session Expiration';
const asvs = 'OWASP ASVS 5.0 7.1.1, 7.3.1';
const asvsAbsolute = 'OWASP ASVS 5.0 7.1.1, 7.3.2';

/**
 * The named policies. The modality is the clause's own: a report that says "must" where the clause says SHOULD is
 * wrong, and where a clause gives no number (`org-defined`) the number is this package's proposal.
 *
 * @example
 * policyPresets['nist-aal3'].absoluteSeconds; // 43200
 */
export const policyPresets = {
  'nist-aal1': {
    idleSeconds: null,
    absoluteSeconds: 30 * days,
    clauses: [idle('MAY', 'NIST SP 800-63B-4 2.1.3'), absolute('SHOULD', 'NIST SP 800-63B-4 2.1.3')],
  },
  'nist-aal2': {
    idleSeconds: 60 * minutes,
    absoluteSeconds: 24 * hours,
    clauses: [idle('SHOULD', 'NIST SP 800-63B-4 2.2.3'), absolute('SHOULD', 'NIST SP 800-63B-4 2.2.3')],
  },
  'nist-aal3': {
    idleSeconds: 15 * minutes,
    absoluteSeconds: 12 * hours,
    clauses: [idle('SHOULD', 'NIST SP 800-63B-4 2.3.3'), absolute('SHALL', 'NIST SP 800-63B-4 2.3.3')],
  },
  'nist-63-3-aal2': {
    idleSeconds: 30 * minutes,
    absoluteSeconds: 12 * hours,
    clauses: [
      idle('SHALL', 'NIST SP 800-63B (revision 3) 4.2.3'),
      absolute('SHALL', 'NIST SP 800-63B (revision 3) 4.2.3'),
    ],
  },
  'fedramp-moderate': {
    idleSeconds: 15 * minutes,
    absoluteSeconds: 12 * hours,
    clauses: [idle('SHALL', 'FedRAMP Rev. 5 Moderate AC-11'), absolute('SHALL', 'FedRAMP Rev. 5 Moderate IA-11')],
  },
  'fedramp-high': {
    idleSeconds: 15 * minutes,
    absoluteSeconds: 12 * hours,
    // Two for non-privileged access; three are allowed for privileged access, which the application has to tell apart.
    maxConcurrent: 2,
    clauses: [
      idle('SHALL', 'FedRAMP Rev. 5 High AC-11, IA-11'),
      absolute('SHALL', 'FedRAMP Rev. 5 High IA-11'),
      { limit: 'maxConcurrent', clause: 'FedRAMP Rev. 5 High AC-10 (non-privileged)', modality: 'SHALL' },
    ],
  },
  'pci-dss-4': {
    idleSeconds: 15 * minutes,
    absoluteSeconds: 12 * hours,
    clauses: [idle('SHALL', 'PCI DSS 4.0.1 8.2.8'), absolute('org-defined', 'PCI DSS 4.0.1 8.2')],
  },
  'owasp-asvs-l1': {
    idleSeconds: null,
    absoluteSeconds: 30 * days,
    clauses: [idle('org-defined', asvs), absolute('org-defined', asvsAbsolute)],
  },
  'owasp-asvs-l2': {
    idleSeconds: 60 * minutes,
    absoluteSeconds: 24 * hours,
    clauses: [idle('org-defined', asvs), absolute('org-defined', asvsAbsolute)],
  },
  'owasp-asvs-l3': {
    idleSeconds: 15 * minutes,
    absoluteSeconds: 12 * hours,
    clauses: [idle('org-defined', asvs), absolute('org-defined', asvsAbsolute)],
  },
  'owasp-high-value': {
    idleSeconds: 5 * minutes,
    absoluteSeconds: 4 * hours,
    clauses: [idle('SHOULD', owaspExpiration), absolute('SHOULD', owaspExpiration)],
  },
  'owasp-low-risk': {
    idleSeconds: 30 * minutes,
    absoluteSeconds: 8 * hours,
    clauses: [idle('SHOULD', owaspExpiration), absolute('SHOULD', owaspExpiration)],
  },
  'psd2-sca': {
    idleSeconds: 5 * minutes,
    absoluteSeconds: 4 * hours,
    clauses: [
      idle('SHALL', 'Delegated Regulation (EU) 2018/389 Art. 4(3)(d)'),
      absolute('org-defined', 'Delegated Regulation (EU) 2018/389 Art. 4(3)'),
    ],
  },
  'hipaa-security': {
    idleSeconds: 15 * minutes,
    absoluteSeconds: 12 * hours,
    clauses: [idle('org-defined', '45 CFR 164.312(a)(2)(iii)'), absolute('org-defined', '45 CFR 164.312(a)(2)(iii)')],
  },
  'disa-asd-stig-v6': {
    // V-222390 wants 10 minutes for administrators: an application of theirs configures idleSeconds 600.
    idleSeconds: 15 * minutes,
    absoluteSeconds: 12 * hours,
    clauses: [idle('SHALL', 'DISA ASD STIG V6 V-222389'), absolute('org-defined', 'DISA ASD STIG V6 V-222389')],
  },
} as const satisfies Record<string, PolicyPreset>;

/** The names of the presets. */
export type PolicyPresetName = keyof typeof policyPresets;
