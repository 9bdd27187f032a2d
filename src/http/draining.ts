/** Whether the service has begun to stop: it then asks for no new requests and finishes those it has. */
export class Draining {
  private begun = false;

  get hasBegun(): boolean {
    return this.begun;
  }

  begin(): void {
    this.begun = true;
  }
}
