// Health of an Elasticsearch or OpenSearch cluster, with the names of elasticsearch_exporter.

import { exporter } from 'cepmon';
import { get } from 'cepmon/http';

const NUMBERS = {
  number_of_nodes: 'Nodes of the cluster.',
  number_of_data_nodes: 'Nodes that hold data.',
  active_primary_shards: 'Primary shards at work.',
  active_shards: 'Shards at work.',
  relocating_shards: 'Shards that move to another node.',
  initializing_shards: 'Shards that are being made.',
  unassigned_shards: 'Shards without a node.',
  delayed_unassigned_shards: 'Shards that wait before they get a node.',
  number_of_pending_tasks: 'Changes of the cluster that wait.',
  number_of_in_flight_fetch: 'Fetches of shard data on their way.',
};

export const exporterApi = exporter((target, batch) => {
  const answer = get(`http://${target.address}/_cluster/health`);
  if (answer.status !== 200) throw new Error(`/_cluster/health answered ${answer.status}`);
  const health = answer.json();
  const cluster = health.cluster_name;
  for (const [key, help] of Object.entries(NUMBERS)) {
    batch.gauge(`elasticsearch_cluster_health_${key}`, help).sample(health[key], { cluster });
  }
  const status = batch.gauge('elasticsearch_cluster_health_status', 'Whether the cluster has this colour.');
  for (const color of ['green', 'yellow', 'red']) {
    status.sample(health.status === color ? 1 : 0, { cluster, color });
  }
});
