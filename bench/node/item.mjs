/** What the JSON route of the Rust side answers. */
export const ITEM = {
  id: 7,
  name: "shop",
  state: "ready",
  labels: ["blue", "round"],
  score: 0.5,
};
