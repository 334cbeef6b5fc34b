/** Requests that are sent over and over, as fast as they are answered. */
export interface Load {
  readonly url: string;
  readonly method: 'POST' | 'DELETE';
  readonly headers: Readonly<Record<string, string>>;
  /** Each request's body is drawn at random. */
  readonly bodies: readonly string[];
  readonly connections: number;
  readonly seconds: number;
}

/** The figures of one load. */
export interface LoadFigures {
  readonly requestCount: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Connections that broke, requests that got no answer in time, and answers with another status than 2xx. */
  readonly failureCount: number;
}

/** A program that puts a load on a server. */
export interface LoadGenerator {
  /** Its name and version. */
  readonly name: string;
  generate(load: Load): Promise<LoadFigures>;
}
