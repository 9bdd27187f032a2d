import { Controller, Get, Header, Inject, Param, Query, StreamableFile } from '@nestjs/common';
import { ApiOkResponse, ApiParam, ApiQuery, ApiTags } from '@nestjs/swagger';
import type { DataSource } from 'typeorm';
import { SessionLedgerError } from '../errors.js';
import { LoginHistory } from '../query/login-history.js';
import { publishedOver } from '../seal/checkpoint-list.js';
import { publishedCheckpoint, type PublishedCheckpoint } from '../seal/checkpoint-published.js';
import { cosignaturesOn, newestCosigned, timestampOn } from '../seal/checkpoint-vouchers.js';
import { keysOfLedger, servedKeys, servedTile } from '../seal/proof-of-event.js';
import { Caller, CurrentCaller } from './caller.js';
import { KeysOfLedgerAnswer } from './keys-answer.dto.js';
import { noteExample, ProofOfEventAnswer } from './proof-answer.dto.js';
import { ForRoles, OpenToAll, Refuses } from './route-access.js';
import { operatorDatabase } from './service-databases.js';
import { checkedWholeNumber } from './whole-number.js';

const plainText = 'text/plain; charset=utf-8';
const note = { content: { 'text/plain': { schema: { type: 'string' as const }, example: noteExample } } };
const sizeParameter = {
  name: 'size',
  description: 'How many events it is over',
  schema: { type: 'integer' as const, minimum: 1 },
  example: 2048,
};
const keyExample = 'ledger.example/1f2e3d4c+9b6c7f63+AZtsf2P4Vd0mZ8m1b2V0Zm9vYmFyYmF6cXV4cXV1eA==\n';

/** The sealed ledger, in the formats that verifiers of others read (C2SP tlog-checkpoint, tlog-tiles, tlog-proof). */
@ApiTags('ledger')
@Controller('v1')
export class LedgerController {
  constructor(
    @Inject(operatorDatabase) private readonly database: DataSource,
    private readonly history: LoginHistory,
  ) {}

  /** The newest signed checkpoint; with `cosigned=true` the newest that a witness has cosigned. */
  @Get('ledger/checkpoint')
  @OpenToAll()
  @Header('Content-Type', plainText)
  @Refuses('ERR_NOT_FOUND')
  @ApiQuery({
    name: 'cosigned',
    description: 'Whether it has to bear a cosignature of a witness',
    required: false,
    enum: ['true', 'false'],
  })
  @ApiOkResponse(note)
  async checkpoint(@Query('cosigned') cosigned?: string): Promise<string> {
    if (cosigned === 'true') return found(await newestCosigned(this.database), 'no checkpoint is cosigned yet');
    const published = await publishedCheckpoint(this.database);
    return this.withCosignatures(found(published, 'nothing is sealed yet'));
  }

  /** The checkpoint over exactly so many events, where one was published. */
  @Get('ledger/checkpoints/:size')
  @OpenToAll()
  @Header('Content-Type', plainText)
  @Refuses('ERR_NOT_FOUND')
  @ApiParam(sizeParameter)
  @ApiOkResponse(note)
  async checkpointOver(@Param('size') size: string): Promise<string> {
    const published = await publishedOver(this.database, checkedWholeNumber(size, 'size'));
    return this.withCosignatures(found(published, `no checkpoint over ${size} events was published`));
  }

  /** What a time-stamping authority answered about the bytes of a checkpoint without cosignatures (RFC 3161). */
  @Get('ledger/checkpoints/:size/timestamp')
  @OpenToAll()
  @Header('Content-Type', 'application/timestamp-reply')
  @Refuses('ERR_NOT_FOUND')
  @ApiParam(sizeParameter)
  @ApiOkResponse({ content: { 'application/timestamp-reply': { schema: { type: 'string', format: 'binary' } } } })
  async timestamp(@Param('size') size: string): Promise<StreamableFile> {
    const stamped = await timestampOn(this.database, checkedWholeNumber(size, 'size'));
    return new StreamableFile(found(stamped, `the checkpoint over ${size} events has no time stamp`).response);
  }

  /** The newest checkpoint that has a time stamp, as it was stamped; the stamp is at `ledger/checkpoints/{size}/timestamp`. */
  @Get('ledger/timestamped')
  @OpenToAll()
  @Header('Content-Type', plainText)
  @Refuses('ERR_NOT_FOUND')
  @ApiOkResponse(note)
  async timestamped(): Promise<string> {
    const { size } = found(await timestampOn(this.database), 'no checkpoint has a time stamp yet');
    return found(await publishedOver(this.database, size), 'no checkpoint has a time stamp yet').note;
  }

  /** Which key signs from which checkpoint on. That of any key but the first is signed by a key before it too. */
  @Get('ledger/keys')
  @OpenToAll()
  async keys(): Promise<KeysOfLedgerAnswer> {
    return { items: await keysOfLedger(this.database) };
  }

  /** The public keys that sign checkpoints, as lines. */
  @Get('ledger/key')
  @OpenToAll()
  @Header('Content-Type', plainText)
  @ApiOkResponse({ content: { 'text/plain': { schema: { type: 'string' }, example: keyExample } } })
  async key(): Promise<string> {
    return servedKeys(this.database);
  }

  /** Tiles of hashes, and bundles of entries below `tile/entries`. */
  @Get('ledger/tile/*path')
  @ForRoles('analyst', 'compliance')
  @Refuses('ERR_NOT_FOUND')
  @ApiParam({ name: 'path', description: 'As in C2SP tlog-tiles', example: '0/000.p/17', schema: { type: 'string' } })
  @ApiOkResponse({ content: { 'application/octet-stream': { schema: { type: 'string', format: 'binary' } } } })
  async tile(@Param('path') path: string | string[], @CurrentCaller() caller: Caller): Promise<StreamableFile> {
    refuseBound(caller);
    const bytes = await servedTile(this.database, `tile/${[path].flat().join('/')}`);
    if (bytes === undefined) throw new SessionLedgerError('ERR_NOT_FOUND', 'the sealed tree has no such tile');
    return new StreamableFile(bytes);
  }

  /** The leaf of an event, and the proof that it is under the newest checkpoint. */
  @Get('events/:seq/proof')
  @ForRoles('analyst', 'compliance')
  @Refuses('ERR_NOT_FOUND', 'ERR_EVIDENCE_REJECTED')
  @ApiParam({
    name: 'seq',
    description: 'The place of the event in the ledger',
    schema: { type: 'integer', minimum: 1 },
    example: 1234,
  })
  async proof(@Param('seq') seq: string, @CurrentCaller() caller: Caller): Promise<ProofOfEventAnswer> {
    refuseBound(caller);
    return this.history.eventProof(checkedWholeNumber(seq, 'seq'), caller.asking(undefined));
  }

  private async withCosignatures({ note, origin, size }: PublishedCheckpoint): Promise<string> {
    return `${note}${await cosignaturesOn(this.database, origin, size)}`;
  }
}

function found<Value>(value: Value | undefined, otherwise: string): Value {
  if (value === undefined) throw new SessionLedgerError('ERR_NOT_FOUND', otherwise);
  return value;
}

/** Leaves name no user, but those of all realms and applications stand side by side. */
function refuseBound(caller: Caller): void {
  if (caller.isUnbound) return;
  throw new SessionLedgerError('ERR_FORBIDDEN', 'this API key is bound; the entries of the ledger are of all realms');
}
