import type { HttpAdapterHost } from '@nestjs/core';
import { rememberResponse, type HttpResponse } from './http-response.js';
import type { HttpRequest } from './http-request.js';

interface FastifyHooks {
  addHook(name: 'onRequest', hook: (request: HttpRequest, reply: HttpResponse, done: () => void) => void): unknown;
}

/** On Fastify, notes the reply of every request, so that `sessions.open(input, request)` finds it. Express links the two itself. */
export function rememberFastifyReplies({ httpAdapter }: HttpAdapterHost): void {
  // Without an HTTP server (an application context of a command line) there is no adapter.
  if (httpAdapter?.getType() !== 'fastify') return;
  httpAdapter.getInstance<FastifyHooks>().addHook('onRequest', (request, reply, done) => {
    rememberResponse(request, reply);
    done();
  });
}
