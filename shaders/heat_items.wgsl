// Which counter of a row belongs to a range.

// Only the ranges that may lie in the tile have one: one more look-up an access, but few counters where the run has many
// ranges and the tile few. Otherwise all ranges of the run have one.
override RANKED: bool = false;
