import { testRefusals } from './support/redis-refusals.ts';

testRefusals('valkey-server');
