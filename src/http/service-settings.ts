import type { Request } from 'express';

/** What the HTTP room needs to know of the service's settings. */
export class ServiceSettings {
  /** The realm of a request that names none, and whose key is bound to none. */
  readonly realm: string;
  /** The application of an opening that names none, and whose key is not bound to one. */
  readonly application: string;
  readonly instance: string;
  /** A directory of this instance's own, where uploads and reports are kept while they are answered. */
  readonly uploadDirectory: string;
  readonly maxUploadBytes: number;
  readonly maxReportBytes: number;
  /** The header in which proxies give the address, in lower case; none or one. */
  readonly forwardedHeaders: readonly string[];
  /** The address a request came from, through the proxies that are believed. */
  readonly addressOf: (request: Request) => string;

  constructor(settings: ServiceSettings) {
    this.realm = settings.realm;
    this.application = settings.application;
    this.instance = settings.instance;
    this.uploadDirectory = settings.uploadDirectory;
    this.maxUploadBytes = settings.maxUploadBytes;
    this.maxReportBytes = settings.maxReportBytes;
    this.forwardedHeaders = settings.forwardedHeaders;
    this.addressOf = settings.addressOf;
  }
}
