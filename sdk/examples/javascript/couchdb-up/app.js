// CouchDB's own word on whether a node should get requests.

import { probe } from 'cepmon';
import { get } from 'cepmon/http';

export const probeApi = probe((target, batch) => {
  const { status, seeds } = get(`http://${target.address}/_up`).json();
  const isSeeding = Object.values(seeds ?? {}).some((seed) => seed.pending_updates > 0);
  batch.gauge('probe_couchdb_seeding', 'Whether the node still copies from its cluster.').sample(isSeeding);
  return { isUp: status === 'ok', detail: `the node says ${status}` };
});
