import { Column, Entity, PrimaryColumn } from 'typeorm';

export type Role = 'customer' | 'manager';

@Entity({ name: 'bank_customer' })
export class Customer {
  @PrimaryColumn({ name: 'user_id', type: 'text' })
  userId: string;

  @Column({ name: 'full_name', type: 'text' })
  fullName: string;

  @Column({ name: 'password_hash', type: 'text', select: false })
  passwordHash?: string;

  @Column({ type: 'text' })
  role: Role;

  @Column({ name: 'is_locked', type: 'boolean' })
  isLocked: boolean;

  /** As text: a bigint does not fit a double. */
  @Column({ type: 'bigint' })
  cents: string;
}
