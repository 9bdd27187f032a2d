import {
  Controller,
  Get,
  HttpCode,
  Inject,
  Injectable,
  Module,
  Param,
  Post,
  Req,
  UnauthorizedException,
  UseGuards,
  type CanActivate,
  type ExecutionContext,
} from '@nestjs/common';
import { JwtModule, JwtService } from '@nestjs/jwt';
import { createSecretKey } from 'node:crypto';
import type { PeerApp } from './serve.js';

interface BearerRequest {
  headers: { authorization?: string };
  userId?: string;
}

@Injectable()
class JwtGuard implements CanActivate {
  constructor(@Inject(JwtService) private readonly tokens: JwtService) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<BearerRequest>();
    const [scheme, token] = request.headers.authorization?.split(' ') ?? [];
    if (scheme !== 'Bearer' || token === undefined) throw new UnauthorizedException();
    try {
      request.userId = (await this.tokens.verifyAsync<{ sub: string }>(token)).sub;
    } catch {
      throw new UnauthorizedException();
    }
    return true;
  }
}

@Controller()
class Routes {
  constructor(@Inject(JwtService) private readonly tokens: JwtService) {}

  @Post('login/:userId')
  @HttpCode(200)
  async login(@Param('userId') userId: string): Promise<{ token: string }> {
    return { token: await this.tokens.signAsync({ sub: userId }) };
  }

  @UseGuards(JwtGuard)
  @Get('guarded')
  guarded(@Req() { userId }: BearerRequest): { userId: string | undefined } {
    return { userId };
  }
}

/** @nestjs/jwt with HS256: nothing is stored, so nothing can be revoked and nothing is known afterwards. */
export function jwtApp(kind: 'string' | 'key object'): PeerApp {
  const text = 'a secret of 64 characters, as long as the output of SHA-256 in hex';
  const secret = kind === 'string' ? text : createSecretKey(Buffer.from(text));

  @Module({
    imports: [JwtModule.register({ secret, signOptions: { expiresIn: '15m', algorithm: 'HS256' } })],
    controllers: [Routes],
    providers: [JwtGuard],
  })
  class JwtApp {}

  return { module: JwtApp };
}
