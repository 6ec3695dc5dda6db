// A node's clock jumps, and all but what has to be read from a clock goes on as before.
import { pause } from "../support/story.mjs";
import { UNLIMITED_EVENTS } from "./rates.mjs";
import { Witness } from "./witness.mjs";

/** May be made twice, and then once in half an hour: a clock that jumps must not bring more. */
export const LIMITED = "conversation:list";
export const RATED = { SWITCHBOARD__RATE_LIMITS__EVENTS: JSON.stringify({ ...UNLIMITED_EVENTS, [LIMITED]: "2/1h" }) };

/**
 * Node 0's clock goes an hour ahead; the node is killed and starts again with it; it goes two hours back, and right.
 * All is looked at after each jump, and again `settle` seconds later.
 */
export async function clockJumps(world, { settle }) {
  const witness = await Witness.come(world, LIMITED);
  const jump = async (hours) => {
    await world.clock.set(hours);
    await witness.seesTheClock();
    world.say(`node 0's clock is ${hours} h from the right time`);
    await witness.seesThatAllIsWell();
    await pause(settle * 1000);
    await witness.seesThatAllIsWell();
  };
  try {
    await witness.seesThatAllIsWell();
    await jump(1);
    await witness.losesThoseWhoseTokensAreOver();
    world.say("kill -9 of node 0");
    await world.nodes[0].kill();
    await world.startAgain(0);
    await witness.seesThatAllIsWell();
    await jump(-1);
    await jump(0);
  } finally {
    witness.leave();
  }
}
