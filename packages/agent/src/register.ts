// `node --import @quartet/agent/register server.js`: the agent without a line of code.
import { startAgent } from "./agent.ts";

try {
  startAgent();
} catch (error) {
  // A service must start even if its agent cannot.
  process.stderr.write(`quartet-agent: QUARTET_AGENT_INTERNAL: could not start: ${String(error)}\n`);
}
