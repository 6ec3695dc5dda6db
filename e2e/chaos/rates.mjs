// Rates that no traffic here comes near: what is shed is not what is tested.
const PLENTY = "1000000/1m";

export const UNLIMITED_EVENTS = { "message:send": PLENTY, "conversation:create": PLENTY };

export const UNLIMITED = {
  SWITCHBOARD__RATE_LIMITS__DEFAULT: PLENTY,
  SWITCHBOARD__LIMITS__CONNECTS: "0", // all clients have one address
  SWITCHBOARD__LIMITS__FAILED_CONNECTS: "0",
  SWITCHBOARD__RATE_LIMITS__EVENTS: JSON.stringify(UNLIMITED_EVENTS),
};
