import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, getSchemaPath, SwaggerModule } from '@nestjs/swagger';
import { describeOperations } from './described-operations.js';
import { ProblemAnswer } from './session-answer.dto.js';

/** Describes the API at `/openapi.json` (OpenAPI 3.1), with pages to read and try it at `/docs`. */
export function serveOpenApi(app: INestApplication): void {
  const description = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('Session Ledger')
    .setDescription(
      'Login sessions on an append-only ledger, and who was logged in when. Instants are RFC 3339; answers carry them in UTC with six fraction digits. ' +
        'Every answer has an `X-Request-Id`, under which the log of the service has it; a short one that came with the request is kept.',
    )
    .setVersion('1')
    .addBearerAuth({ type: 'http', scheme: 'bearer', description: 'An API key' })
    .addGlobalResponse({
      status: 'default',
      description: 'A problem (RFC 9457)',
      content: { 'application/problem+json': { schema: { $ref: getSchemaPath(ProblemAnswer) } } },
    })
    .build();
  const document = SwaggerModule.createDocument(app, description, {
    extraModels: [ProblemAnswer],
    operationIdFactory: (controller, method) => `${controller.replace(/Controller$/, '')}_${method}`,
  });
  describeOperations(document);
  SwaggerModule.setup('docs', app, document, { jsonDocumentUrl: 'openapi.json', yamlDocumentUrl: 'openapi.yaml' });
}
