import type * as cog from '@grafana/grafana-foundation-sdk/cog';
import type { DataSourceRef } from '@grafana/grafana-foundation-sdk/common';

/** Grafana's built-in PostgreSQL data source; which one is chosen by the variable `datasource`. */
export const DATA_SOURCE: DataSourceRef = {
  type: 'grafana-postgresql-datasource',
  uid: `\${datasource}`,
};

/** As time_series a text column becomes the label of a series, and there is a column `time`. */
export type TargetFormat = 'table' | 'time_series';

/**
 * A query of the PostgreSQL data source, for which the SDK has no builder: SQL as it is written in the code editor,
 * with the macros of Grafana (`$__timeFrom()`, …) and variables as `${name:sqlstring}`.
 */
export class SqlTarget implements cog.Builder<cog.Dataquery> {
  readonly #rawSql: string;
  readonly #format: TargetFormat;
  #refId = 'A';

  constructor(rawSql: string, format: TargetFormat) {
    this.#rawSql = rawSql;
    this.#format = format;
  }

  /** The name of the query within its panel. */
  refId(refId: string): this {
    this.#refId = refId;
    return this;
  }

  build(): cog.Dataquery {
    const query = {
      refId: this.#refId,
      datasource: DATA_SOURCE,
      rawSql: this.#rawSql,
      format: this.#format,
      editorMode: 'code',
      rawQuery: true,
    };
    // The SDK marks its own queries with a method, which is no part of what is written.
    return query as typeof query & cog.Dataquery;
  }
}
