import { Inject, Injectable, type OnModuleInit, type Type } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { SessionLedgerError } from '../errors.js';
import type { LiveSession } from '../session/live-session.js';
import { guardOptionsToken, type GuardOptions } from './guard-options.js';
import type { SubjectLoader } from './subject-loader.js';

/** Finds the application's subject loader once, and asks it per request. */
@Injectable()
export class SubjectOfSession implements OnModuleInit {
  private loader: SubjectLoader | undefined;

  constructor(
    @Inject(guardOptionsToken) private readonly options: GuardOptions,
    private readonly moduleRef: ModuleRef,
  ) {}

  onModuleInit(): void {
    const configured = this.options.subjectLoader;
    this.loader = typeof configured === 'function' ? this.provided(configured) : configured;
  }

  /** What the loader says, `null` for nobody in whichever way it says so; `undefined` where the application has none. */
  async load(session: LiveSession): Promise<unknown> {
    if (this.loader === undefined) return undefined;
    return (await this.loader.load(session)) ?? null;
  }

  private provided(loader: Type<SubjectLoader>): SubjectLoader {
    try {
      return this.moduleRef.get(loader, { strict: false });
    } catch (cause) {
      throw new SessionLedgerError(
        'ERR_CONFIGURATION',
        `subjectLoader names ${loader.name}, which is not a provider of any module: add it to the providers of one, in the default scope`,
        { cause },
      );
    }
  }
}
