// Uses what JavaScript itself has of the world: time, chance and the console.

import { exporter } from 'cepmon';

export const exporterApi = exporter((target, batch) => {
  console.log('the console', 'works');
  batch.gauge('wall_clock_seconds').sample(new Date().getTime() / 1000);
  batch.gauge('wall_clock_chance').sample(Math.random());
});
