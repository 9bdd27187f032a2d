import { ApiProperty } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  IsArray,
  IsBoolean,
  IsDefined,
  IsObject,
  IsString,
  IsUUID,
  Matches,
  MaxLength,
  ValidateBy,
  ValidateNested,
} from 'class-validator';
import { Optional } from './optional.js';

/** The end user's machine as the application saw it; never the caller of this API itself. */
export class ClientDto {
  /**
   * An IPv4 or IPv6 address.
   * @example '203.0.113.7'
   */
  @Optional()
  @IsString()
  @MaxLength(64)
  ip?: string;

  /**
   * Kept as seen, cut at 512 characters.
   * @example 'Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0'
   */
  @Optional()
  @IsString()
  @MaxLength(65_536)
  userAgent?: string;
}

/** Who acts: as somebody else at an opening, or in ending a session. */
export class ActorDto {
  /** @example 'support-7' */
  @IsString()
  userId!: string;

  /** @example 'default' */
  @Optional()
  @IsString()
  realm?: string;
}

/** What an opening says about the login. */
export class OpenSessionDto {
  /** @example 'alice' */
  @IsString()
  userId!: string;

  /** @example 'default' */
  @Optional()
  @IsString()
  realm?: string;

  /** @example 'web' */
  @Optional()
  @IsString()
  application?: string;

  /** @example { "ip": "203.0.113.7", "userAgent": "Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0" } */
  @Optional()
  @IsDefined()
  @ValidateNested()
  @Type(() => ClientDto)
  client?: ClientDto;

  /**
   * Authentication methods (RFC 8176), such as `pwd`, `otp`.
   * @example ['pwd', 'otp']
   */
  @Optional()
  @IsArray()
  @ArrayMaxSize(16)
  @IsString({ each: true })
  @MaxLength(64, { each: true })
  amr?: string[];

  /** Authentication context class, such as `urn:mace:incommon:iap:silver`. */
  @Optional()
  @IsString()
  @MaxLength(255)
  acr?: string;

  /** Set when somebody acts as the user: such a session never counts as the user being logged in. */
  @Optional()
  @IsDefined()
  @ValidateNested()
  @Type(() => ActorDto)
  actor?: ActorDto;

  /** A preset's name or `{idleSeconds, absoluteSeconds}`, no looser than the configured policy. */
  @Optional()
  @IsPolicyChoice()
  @ApiProperty({
    required: false,
    oneOf: [
      { type: 'string' },
      {
        type: 'object',
        properties: { idleSeconds: { type: ['integer', 'null'] }, absoluteSeconds: { type: 'integer' } },
        additionalProperties: false,
      },
    ],
  })
  policy?: string | PolicyLimits;

  /** A short allow-list of keys; secrets are refused. */
  @Optional()
  @IsObject()
  attributes?: Record<string, string>;

  /** The token that the request came with: its session is revoked as `replaced`, so that none is fixed upon a user. */
  @Optional()
  @IsString()
  replaces?: string;
}

/** Own limits of one session. */
export interface PolicyLimits {
  idleSeconds?: number | null;
  absoluteSeconds?: number;
}

/** A use of a session, to be recorded. */
export class UseSessionDto {
  /** @example 'AZy21B-afEGdPlsfb2orDmEzQ0pWb1hwN2RHc1RmS2xNbk9wUXJTdFV2V3hZejAx' */
  @IsString()
  token!: string;

  /** @example { "ip": "203.0.113.7", "userAgent": "Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0" } */
  @Optional()
  @IsDefined()
  @ValidateNested()
  @Type(() => ClientDto)
  client?: ClientDto;

  /**
   * A request the user did not make, such as polling: recorded, and does not put off the deadline.
   * @example false
   */
  @Optional()
  @IsBoolean()
  passive?: boolean;
}

/** Asks for a new secret; with `amr`, after a fresh authentication, also for a new absolute deadline. */
export class RenewSessionDto {
  /** @example 'AZy21B-afEGdPlsfb2orDmEzQ0pWb1hwN2RHc1RmS2xNbk9wUXJTdFV2V3hZejAx' */
  @IsString()
  token!: string;

  /** @example ['pwd', 'otp'] */
  @Optional()
  @IsArray()
  @ArrayMaxSize(16)
  @IsString({ each: true })
  @MaxLength(64, { each: true })
  amr?: string[];

  @Optional()
  @IsString()
  @MaxLength(255)
  acr?: string;

  @Optional()
  @IsDefined()
  @ValidateNested()
  @Type(() => ClientDto)
  client?: ClientDto;
}

/** Why a session ends, and through whom. */
export class RevokeSessionDto {
  /**
   * A code such as `logout`, `admin`, `password_changed`, `account_disabled`, `risk`, or one of your own.
   * @example 'logout'
   */
  @IsString()
  @Matches(/^[a-z][a-z0-9_]{0,39}$/, { message: 'reason must be a code such as logout or password_changed' })
  reason!: string;

  @Optional()
  @IsDefined()
  @ValidateNested()
  @Type(() => ActorDto)
  actor?: ActorDto;

  /** Free text, erasable. */
  @Optional()
  @IsString()
  @MaxLength(2000)
  note?: string;

  @Optional()
  @IsDefined()
  @ValidateNested()
  @Type(() => ClientDto)
  client?: ClientDto;
}

/** Ends every session of a user, but the one named. */
export class RevokeSessionsDto extends RevokeSessionDto {
  /** @example 'default' */
  @Optional()
  @IsString()
  realm?: string;

  @Optional()
  @IsUUID()
  exceptSessionId?: string;
}

function IsPolicyChoice(): PropertyDecorator {
  const isLimit = (value: unknown): boolean => value === undefined || Number.isInteger(value);
  const isLimits = (value: object): boolean => {
    const { idleSeconds, absoluteSeconds, ...others } = value as Record<string, unknown>;
    return (
      Object.keys(others).length === 0 && (idleSeconds === null || isLimit(idleSeconds)) && isLimit(absoluteSeconds)
    );
  };
  return ValidateBy({
    name: 'isPolicyChoice',
    validator: {
      validate: (value: unknown) =>
        typeof value === 'string' || (typeof value === 'object' && value !== null && isLimits(value)),
      defaultMessage: () => 'policy must be the name of a preset or {idleSeconds, absoluteSeconds} in whole seconds',
    },
  });
}
