import { Catch, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { Response } from 'express';
import { SessionLedgerHttpException } from 'session-ledger';

/** Sends a person to the page that mends what the guard refused; everything else is answered as it is. */
@Catch(SessionLedgerHttpException)
export class ToLoginPage implements ExceptionFilter<SessionLedgerHttpException> {
  catch(exception: SessionLedgerHttpException, host: ArgumentsHost): void {
    const response = host.switchToHttp().getResponse<Response>();
    if (exception.code === 'ERR_NOT_AUTHENTICATED') response.redirect(303, '/login');
    else if (exception.code === 'ERR_FRESH_LOGIN_REQUIRED') response.redirect(303, '/confirm');
    else response.status(exception.getStatus()).json(exception.getResponse());
  }
}
