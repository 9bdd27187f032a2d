import { Controller, Get, HttpCode, Module, Post } from '@nestjs/common';
import type { PeerApp } from './serve.js';

@Controller()
class Routes {
  @Post('login/:userId')
  @HttpCode(200)
  login(): object {
    return {};
  }

  @Get('guarded')
  guarded(): { userId: string } {
    return { userId: 'anybody' };
  }
}

@Module({ controllers: [Routes] })
class UnguardedApp {}

/** The framework alone: what is left of a request when nobody is asked who sent it. */
export function unguardedApp(): PeerApp {
  return { module: UnguardedApp };
}
