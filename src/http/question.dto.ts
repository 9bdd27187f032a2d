import { Transform, Type } from 'class-transformer';
import { IsBoolean, IsInt, IsString, Max, MaxLength, Min, MinLength } from 'class-validator';
import { Optional } from './optional.js';

/** What every question may carry. */
export class AskingDto {
  /**
   * Why this is asked: a reference of your own, kept with the question.
   * @example 'D-2026-17'
   */
  @Optional()
  @IsString()
  @MinLength(1)
  @MaxLength(255)
  caseId?: string;
}

/** A point in time, and what was known when. */
export class InstantDto extends AskingDto {
  /**
   * RFC 3339 with an offset, or a local time beside `zone`; left out: now.
   * @example '2026-03-04T02:14:00Z'
   */
  @Optional()
  @IsString()
  at?: string;

  /** The IANA zone of instants that carry none, such as `Europe/Berlin`. */
  @Optional()
  @IsString()
  zone?: string;

  /** Answer from what the ledger said then. */
  @Optional()
  @IsString()
  knownAt?: string;

  /** Whose user ids these are; left out: the realm of the key, else of the service. */
  @Optional()
  @IsString()
  realm?: string;

  /** Only sessions of this application; left out: all that the key may speak of. */
  @Optional()
  @IsString()
  application?: string;
}

/** A point (`at`) or a range (`from`, `to`). */
export class LoginStateQueryDto extends InstantDto {
  /** Where the range begins; it belongs to it. An instant as `at` is. */
  @Optional()
  @IsString()
  from?: string;

  /** Where the range ends; it does not belong to it. */
  @Optional()
  @IsString()
  to?: string;

  /** `true`: the answer with what proves it, as one file (docs/auditor.md); for an instant only. */
  @Optional()
  @Transform(({ value }: { value: unknown }) => (value === 'true' || value === 'false' ? value === 'true' : value))
  @IsBoolean()
  proof?: boolean;
}

/** The same with the user in the body: the form that takes any user id. */
export class LoginStateDto extends LoginStateQueryDto {
  /** @example 'alice' */
  @IsString()
  userId!: string;
}

/** A page of a list. */
export class PageDto extends AskingDto {
  /** `next` of the page before. */
  @Optional()
  @IsString()
  @MaxLength(4096)
  after?: string;

  /** Items on a page; 100 when left out. */
  @Optional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(1000)
  limit?: number;
}

/** A page of a user's sessions. */
export class SessionsQueryDto extends PageDto {
  /** Where the range begins; it belongs to it. An instant as `at` is. */
  @Optional()
  @IsString()
  from?: string;

  /** Where the range ends; it does not belong to it. */
  @Optional()
  @IsString()
  to?: string;

  /** The IANA zone of instants that carry none, such as `Europe/Berlin`. */
  @Optional()
  @IsString()
  zone?: string;

  /** Whose user ids these are; left out: the realm of the key, else of the service. */
  @Optional()
  @IsString()
  realm?: string;
}

/** A page of everyone logged in at an instant. */
export class LoggedInQueryDto extends PageDto {
  /** RFC 3339 with an offset, or a local time beside `zone`; left out: now. */
  @Optional()
  @IsString()
  at?: string;

  /** The IANA zone of instants that carry none, such as `Europe/Berlin`. */
  @Optional()
  @IsString()
  zone?: string;

  /** Answer from what the ledger said then. */
  @Optional()
  @IsString()
  knownAt?: string;

  /** Whose user ids these are; left out: the realm of the key, else of the service. */
  @Optional()
  @IsString()
  realm?: string;

  /** Only sessions of this application; left out: all that the key may speak of. */
  @Optional()
  @IsString()
  application?: string;
}

/** A page of the clients seen from an address or with an agent. */
export class ClientsQueryDto extends PageDto {
  /** An address or a CIDR. */
  @Optional()
  @IsString()
  @MaxLength(64)
  ip?: string;

  /** The whole agent, as it was seen. */
  @Optional()
  @IsString()
  @MaxLength(65_536)
  userAgent?: string;

  /** Where the range begins; it belongs to it. An instant as `at` is. */
  @Optional()
  @IsString()
  from?: string;

  /** Where the range ends; it does not belong to it. */
  @Optional()
  @IsString()
  to?: string;

  /** The IANA zone of instants that carry none, such as `Europe/Berlin`. */
  @Optional()
  @IsString()
  zone?: string;
}

/** What holds for every row of a list that does not say otherwise. */
export class BatchQueryDto extends AskingDto {
  /** Whose user ids these are; left out: the realm of the key, else of the service. */
  @Optional()
  @IsString()
  realm?: string;

  /** The IANA zone of instants that carry none. */
  @Optional()
  @IsString()
  zone?: string;

  /** Only sessions of this application; left out: all that the key may speak of. */
  @Optional()
  @IsString()
  application?: string;

  /** Answer from what the ledger said then. */
  @Optional()
  @IsString()
  knownAt?: string;
}
