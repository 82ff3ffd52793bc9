export { lastRetention, type RetentionOptions, runRetention } from './run.ts';
