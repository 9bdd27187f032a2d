/** A request that is refused, and as what. */
export interface BadInput {
  name: string;
  path: string;
  body?: unknown;
  headers?: Record<string, string>;
  method?: string;
  status: number;
  code: string;
  field?: string;
}
