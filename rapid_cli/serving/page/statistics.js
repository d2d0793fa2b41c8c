// The line of statistics, as `rapid ask` shows it.

const PLAIN = ["long-context", "rag"];

export function line(answer) {
  const { stats, strategy } = answer;
  const parts = [`${strategy}: ${stats.tokens} tokens`];
  if (stats.tokens_per_second !== null) parts.push(`${stats.tokens_per_second.toFixed(1)} tok/s`);
  if (stats.speedup !== null && !PLAIN.includes(strategy)) {
    parts.push(`${stats.speedup.toFixed(2)}x plain decoding`);
  }
  if (stats.acceptance_rate !== null) {
    const share = Math.round(stats.acceptance_rate * 100);
    parts.push(`${share}% of ${stats.drafted} drafted accepted`);
    parts.push(`${stats.mean_acceptance_length.toFixed(1)} tokens a round`);
  }
  if (answer.absent) parts.push("neither the text nor its passages tell");
  if (stats.transferred) parts.push(`${stats.transferred} decided by the passages`);
  if (stats.seconds.first_token !== null) {
    parts.push(`first token after ${stats.seconds.first_token.toFixed(1)} s`);
  }
  parts.push(stats.device);
  return parts.join(" · ");
}
